// Package tap prints results in the Test Anything Protocol, version 13. It stands in for
// github.com/mndrix/tap-go, which the runtime-tools suite imports and Debian does not package; it has those
// of its functions that the suite calls. Copied into the suite's GOPATH by runtime-tools.sh.
package tap

import (
	"encoding/json"
	"fmt"
	"strings"
)

// T counts the results of one program.
type T struct {
	count *int
	todo  bool
}

// New starts a count.
func New() *T { return &T{count: new(int)} }

// Todo gives the same count, for results of which nobody expects that they are good.
func (t *T) Todo() *T { return &T{count: t.count, todo: true} }

// Header opens the output; the plan comes with it where the number of results is known.
func (t *T) Header(planned int) {
	fmt.Println("TAP version 13")
	if planned > 0 {
		fmt.Printf("1..%d\n", planned)
	}
}

// AutoPlan gives the plan in the end.
func (t *T) AutoPlan() { fmt.Printf("1..%d\n", *t.count) }

// Ok prints a result.
func (t *T) Ok(passed bool, description string) {
	word := "ok"
	if !passed {
		word = "not ok"
	}
	t.line(word, "- "+description)
}

// Fail prints the result of something that failed.
func (t *T) Fail(description string) { t.Ok(false, description) }

// Pass prints the result of something that passed.
func (t *T) Pass(description string) { t.Ok(true, description) }

// Skip prints results that were not looked for.
func (t *T) Skip(count int, reason string) {
	for ; count > 0; count-- {
		t.line("ok", "# SKIP "+reason)
	}
}

// Diagnostic prints a comment.
func (t *T) Diagnostic(text string) {
	fmt.Println("# " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n# "))
}

// Diagnosticf prints a comment with values.
func (t *T) Diagnosticf(format string, values ...interface{}) { t.Diagnostic(fmt.Sprintf(format, values...)) }

// YAML prints details of the last result; JSON is YAML.
func (t *T) YAML(details interface{}) error {
	text, err := json.MarshalIndent(details, "  ", "  ")
	if err != nil {
		return err
	}
	fmt.Printf("  ---\n  %s\n  ...\n", text)
	return nil
}

func (t *T) line(word, rest string) {
	*t.count++
	if t.todo {
		rest += " # TODO"
	}
	fmt.Printf("%s %d %s\n", word, *t.count, rest)
}
