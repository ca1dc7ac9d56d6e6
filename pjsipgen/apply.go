package pjsipgen

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Reloader is a running Asterisk.
type Reloader interface {
	// Reload has a module read its files anew and returns when it has.
	Reload(ctx context.Context, module string) error
	// Endpoints gives the names of the SIP endpoints that it has.
	Endpoints(ctx context.Context) ([]string, error)
	// Endpoint gives the options of one; none when it is not there.
	Endpoint(ctx context.Context, name string) (map[string]string, error)
}

// Report says what Apply did.
type Report struct {
	Changed       []string // files
	Reloaded      []string // modules
	RestartNeeded []string // what waits for a restart of Asterisk, in words
}

// RejectedError says why Asterisk did not take the new files.
type RejectedError struct {
	Missing  []string // endpoints that it doesn't have as they were generated
	Suspects []string // options that it doesn't know, or that only these have
	Cause    error    // of a reload that failed; nil otherwise
}

// Error names the culprits.
func (e *RejectedError) Error() string {
	if e.Cause != nil {
		return e.Cause.Error()
	}
	text := "endpoints that Asterisk rejected: " + listed(e.Missing)
	if len(e.Suspects) > 0 {
		text += "; suspects: " + listed(e.Suspects)
	}
	return text
}

// Unwrap gives the cause.
func (e *RejectedError) Unwrap() error { return e.Cause }

func listed(names []string) string {
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// Apply writes the files and has the running Asterisk take them without dropping a call: only what changed is reloaded,
// and then every generated endpoint must be there. Otherwise the files of before are put back and reloaded, and the
// error (ErrRolledBack and a *RejectedError) names the culprits.
//
// What a reload can't apply is written as well, so that the next restart finds it, and reported. Until then Asterisk
// goes on with its old value of exactly these settings; a running transport is never touched.
func Apply(ctx context.Context, asterisk Reloader, dir string, files FileSet) (Report, error) {
	old, err := readOwned(dir, files)
	if err != nil {
		return Report{}, err
	}
	report := Report{Changed: changedFiles(old, files), RestartNeeded: restartNeeds(old, files)}
	if err := Write(dir, files); err != nil {
		return Report{}, err
	}
	modules := modulesFor(report.Changed, report.RestartNeeded)
	rejected := take(ctx, asterisk, files, old, modules)
	if rejected == nil {
		report.Reloaded = modules
		return report, nil
	}
	if err := rollBack(ctx, asterisk, dir, files, old, modules); err != nil {
		return Report{}, fmt.Errorf("%w: %w; %w", ErrBroken, rejected, err)
	}
	return Report{}, fmt.Errorf("%w: %w", ErrRolledBack, rejected)
}

// modulesFor leaves out modules that only the next start loads, or no longer does.
func modulesFor(changed, needs []string) []string {
	var modules []string
	for _, name := range changed {
		for _, module := range reloads()[name] {
			if !slices.Contains(needs, "module "+module+" added") && !slices.Contains(needs, "module "+module+" removed") {
				modules = append(modules, module)
			}
		}
	}
	return modules
}

// take reloads and verifies; nil means that all is well.
func take(ctx context.Context, asterisk Reloader, files, old FileSet, modules []string) *RejectedError {
	for _, module := range modules {
		if err := asterisk.Reload(ctx, module); err != nil {
			return &RejectedError{Cause: fmt.Errorf("reload %s: %w", module, err)}
		}
	}
	missing, unknown, err := verify(ctx, asterisk, files, old)
	if err != nil {
		return &RejectedError{Cause: err}
	}
	if len(missing) == 0 {
		return nil
	}
	if len(unknown) == 0 {
		unknown = suspects(files, old, missing)
	}
	return &RejectedError{Missing: missing, Suspects: unknown}
}

// suspects are the options of missing endpoints that neither an endpoint which was taken has, nor one that was there
// before.
func suspects(files, old FileSet, missing []string) []string {
	gone := map[string]bool{}
	for _, name := range missing {
		gone[name] = true
	}
	innocent, keys := map[option]bool{}, map[string]bool{}
	endpoints := sipSections(files, "endpoint")
	for _, set := range []map[string]section{endpoints, sipSections(old, "endpoint")} {
		for name, s := range set {
			if gone[name] {
				continue
			}
			for _, o := range s.options {
				innocent[o] = true
				keys[o.key] = true
			}
		}
	}
	unknown, odd := map[string]bool{}, map[string]bool{}
	for _, name := range missing {
		for _, o := range endpoints[name].options {
			switch {
			case innocent[o]:
			case !keys[o.key]:
				unknown[o.key+" = "+o.value] = true
			default:
				odd[o.key+" = "+o.value] = true
			}
		}
	}
	// An option that no good endpoint has is a better suspect than one with another value.
	if len(unknown) > 0 {
		return slices.Sorted(maps.Keys(unknown))
	}
	return slices.Sorted(maps.Keys(odd))
}

// rollBack ends also when the caller's time is up: Asterisk must not stay with files that it refused.
func rollBack(ctx context.Context, asterisk Reloader, dir string, refused, old FileSet, modules []string) error {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := Restore(dir); err != nil {
		return err
	}
	if rejected := take(ctx, asterisk, old, refused, modules); rejected != nil {
		return errors.Join(rejected)
	}
	return nil
}
