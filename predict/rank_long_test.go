//go:build integration

package predict

const longForm = true
