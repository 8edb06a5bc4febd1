// Package bilevel minimises an upper function of the solution of a lower problem
// by the lower problem's parameters: penalties by the loss on held-out texts, for
// example.
package bilevel

// A Problem asks for the parameters theta with the least g(x*(theta)), where x*
// minimises h(x, theta) over x. h is strongly convex in x, g convex.
type Problem interface {
	// Lower returns h and sets its gradient by x.
	Lower(x, theta, gradient []float64) float64
	// Hessian sets dst to the second derivatives of h by x, times v.
	Hessian(dst, x, theta, v []float64)
	// Cross sets dst to (d/dtheta grad_x h)' q, a number for every parameter.
	Cross(dst, x, theta, q []float64)
	// Upper returns g and sets its gradient.
	Upper(x, gradient []float64) float64
	// Bounds returns bounds of the eigenvalues of the Hessian near x: the least
	// is at least mu > 0, the largest at most l.
	Bounds(x, theta []float64) (mu, l float64)
}
