// Package view reads what a run has done so far, for people: the numbers of the
// report, what a run would take, clusters, thresholds, statistics of a corpus. It
// writes nothing into the run.
package view

import (
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/dataset"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/trial"
)

// A View is a run that is looked at. It writes nothing.
type View struct {
	*stage.Run
	Curation *curate.Curation
	Trials   *trial.Trials
	Dataset  *dataset.Dataset
	Preset   string // of the configuration
	Version  string // of the program
	Launched string // launch.method of the configuration: where tasks run
}
