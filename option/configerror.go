package option

// A ConfigError says what in a configuration cannot be used.
type ConfigError struct {
	Path string // file, "" for a configuration made in memory
	Text string // with line and column where they are known
}

// Error names the file and what is wrong with it.
func (e *ConfigError) Error() string {
	if e.Path == "" {
		return e.Text
	}
	return e.Path + ": " + e.Text
}
