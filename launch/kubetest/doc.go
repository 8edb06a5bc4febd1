// Package kubetest starts a Kubernetes for tests: etcd, the API server, the controller manager and the scheduler as processes on
// 127.0.0.1, and nodes in the process of the test, which run the commands of pods as processes of this machine. What Jobs do is
// Kubernetes' own code; what a node does is not: there are no images, no limits and no file system of a pod's own. Everything is behind
// the build tag kubernetes.
package kubetest
