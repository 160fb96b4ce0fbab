// Renders the texts of newer.json by Go's own packages, with the functions that Alertmanager has had since 0.25, which no
// amtool of Debian knows. Each is one call of Go's library, as Alertmanager's documentation tells; humanizeDuration is not,
// so promtool is asked for it (templates/durations of the system tests).
//
//	go run tests/template/newer.go             exits with 1 if newer.json is not what Go makes of its texts
//	go run tests/template/newer.go --write     writes it
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	text "text/template"
	"time"
)

// What tests/templates.rs takes for now.
var now = time.Unix(1764324000, 0).UTC()

type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

type data struct {
	Receiver           string            `json:"receiver"`
	Status             string            `json:"status"`
	Alerts             []alert           `json:"alerts"`
	NotificationReason string            `json:"notification_reason"`
	GroupLabels        map[string]string `json:"groupLabels"`
	CommonLabels       map[string]string `json:"commonLabels"`
	CommonAnnotations  map[string]string `json:"commonAnnotations"`
	RouteLabels        map[string]string `json:"routeLabels"`
	ExternalURL        string            `json:"externalURL"`
}

type row struct {
	Type    string  `json:"type"`
	Text    string  `json:"text"`
	Go      *string `json:"go,omitempty"`
	Differs string  `json:"differs,omitempty"`
	Ours    *string `json:"ours,omitempty"`
}

var functions = map[string]any{
	"trimSpace":   func(s string) string { return string(bytes.TrimSpace([]byte(s))) },
	"safeUrl":     func(s string) template.URL { return template.URL(s) },
	"urlUnescape": url.QueryUnescape,
	"date":        func(layout string, at time.Time) string { return at.Format(layout) },
	"tz": func(name string, at time.Time) (time.Time, error) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			return at, err
		}
		return at.In(zone), nil
	},
	"now":        func() time.Time { return now },
	"since":      func(at time.Time) time.Duration { return now.Sub(at) },
	"mustToDate": func(layout, s string) (time.Time, error) { return time.ParseInLocation(layout, s, time.UTC) },
	"toDate": func(layout, s string) time.Time {
		at, _ := time.ParseInLocation(layout, s, time.UTC)
		return at
	},
	"toJson": func(value any) (string, error) {
		encoded, err := json.Marshal(value)
		return string(encoded), err
	},
	"base64encode": func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64decode": func(s string) (string, error) {
		decoded, err := base64.URLEncoding.DecodeString(s)
		return string(decoded), err
	},
	"stringSlice": func(texts ...string) []string { return texts },
	"list":        func(items ...any) []any { return append([]any{}, items...) },
	"append":      func(list []any, items ...any) []any { return append(list, items...) },
	"dict": func(pairs ...any) (map[string]any, error) {
		made := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			key, isText := pairs[i].(string)
			if !isText || i+1 == len(pairs) {
				return nil, errors.New("a dict is made of pairs of a text and a value")
			}
			made[key] = pairs[i+1]
		}
		return made, nil
	},
}

// Renders one text; nil if Go refuses it.
func render(kind, source string, from data) *string {
	type executor interface {
		Execute(io.Writer, any) error
	}
	var parsed executor
	var err error
	if kind == "html" {
		parsed, err = template.New("").Option("missingkey=zero").Funcs(functions).Parse(source)
	} else {
		parsed, err = text.New("").Option("missingkey=zero").Funcs(functions).Parse(source)
	}
	if err != nil {
		return nil
	}
	var out bytes.Buffer
	if parsed.Execute(&out, from) != nil {
		return nil
	}
	rendered := out.String()
	return &rendered
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func main() {
	_, here, _, _ := runtime.Caller(0)
	folder := filepath.Dir(here)
	var from data
	var rows []row
	encoded, err := os.ReadFile(filepath.Join(folder, "data.json"))
	must(err)
	must(json.Unmarshal(encoded, &from))
	from.RouteLabels = map[string]string{}
	file := filepath.Join(folder, "newer.json")
	before, err := os.ReadFile(file)
	must(err)
	must(json.Unmarshal(before, &rows))
	after := bytes.NewBufferString("[\n")
	for i, row := range rows {
		row.Go = render(row.Type, row.Text, from)
		line := &bytes.Buffer{}
		encoder := json.NewEncoder(line)
		encoder.SetEscapeHTML(false)
		must(encoder.Encode(row))
		after.Write(bytes.TrimSpace(line.Bytes()))
		if i+1 < len(rows) {
			after.WriteString(",")
		}
		after.WriteString("\n")
	}
	after.WriteString("]\n")
	if len(os.Args) > 1 && os.Args[1] == "--write" {
		must(os.WriteFile(file, after.Bytes(), 0o644))
	} else if !bytes.Equal(before, after.Bytes()) {
		fmt.Fprintln(os.Stderr, "newer.json is not what Go makes of its texts")
		os.Exit(1)
	}
	fmt.Printf("%d texts\n", len(rows))
}
