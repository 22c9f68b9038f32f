// Package log stands in for the agent's log: it keeps the lines.
package log

import (
	"fmt"
	"strings"
	"sync"
)

var kept struct {
	sync.Mutex
	lines []string
}

func keep(level, format string, params []interface{}) error {
	line := fmt.Errorf(format, params...)
	kept.Lock()
	defer kept.Unlock()
	kept.lines = append(kept.lines, level+" "+line.Error())
	return line
}

// Has tells whether a line of the level has the text.
func Has(level, text string) bool {
	kept.Lock()
	defer kept.Unlock()
	for _, line := range kept.lines {
		if strings.HasPrefix(line, level+" ") && strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// Lines answers all of a level.
func Lines(level string) []string {
	kept.Lock()
	defer kept.Unlock()
	var lines []string
	for _, line := range kept.lines {
		if strings.HasPrefix(line, level+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// Tracef keeps a line.
func Tracef(format string, params ...interface{}) { _ = keep("TRACE", format, params) }

// Debugf keeps a line.
func Debugf(format string, params ...interface{}) { _ = keep("DEBUG", format, params) }

// Infof keeps a line.
func Infof(format string, params ...interface{}) { _ = keep("INFO", format, params) }

// Warnf keeps a line and answers it.
func Warnf(format string, params ...interface{}) error { return keep("WARN", format, params) }

// Errorf keeps a line and answers it.
func Errorf(format string, params ...interface{}) error { return keep("ERROR", format, params) }

// Criticalf keeps a line and answers it.
func Criticalf(format string, params ...interface{}) error { return keep("CRITICAL", format, params) }
