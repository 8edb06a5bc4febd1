package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write renders d into dir, which it makes: index.html for people and summary.json for programs. Each replaces an older one at once.
func Write(dir string, d *Data) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	page, pageErr := render(d)
	sum, sumErr := summarize(d)
	if err := errors.Join(pageErr, sumErr); err != nil {
		return fmt.Errorf("write report %s: %w", dir, err)
	}
	return errors.Join(replace(filepath.Join(dir, "index.html"), page), replace(filepath.Join(dir, "summary.json"), sum))
}

// replace writes a file so that a reader sees the old content or the new.
func replace(path string, data []byte) error {
	tmp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	defer os.Remove(tmp)
	if err := os.WriteFile(tmp, data, 0o666); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return os.Rename(tmp, path)
}
