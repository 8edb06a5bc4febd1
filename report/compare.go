package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// WriteComparison writes compare.json into dir.
func WriteComparison(dir string, c *Comparison) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("write report %s: %w", dir, err)
	}
	return replace(filepath.Join(dir, "compare.json"), append(data, '\n'))
}
