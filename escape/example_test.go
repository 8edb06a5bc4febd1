package escape_test

import (
	"fmt"

	"github.com/climb-go/climb/escape"
)

// What others wrote can steer a terminal, and end a cell of a table.
func Example() {
	fmt.Println(escape.Text("plain \x1b[31mred"))
	fmt.Println(escape.Markdown("a|b <script>"))
	fmt.Println(escape.Secrets("s3://user:password@bucket/key"))
	// Output:
	// plain \u001b[31mred
	// a\|b &lt;script&gt;
	// s3://xxxxx@bucket/key
}
