//go:build !integration

package predict

// longForm: go test -tags integration ./predict -run RankStats
const longForm = false
