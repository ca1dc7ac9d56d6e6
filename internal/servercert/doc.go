// Package servercert holds the certificate of a TLS listener: from files, read anew when they change, or one of our own.
//
// It never decides who listens where, and it makes no certificate that anybody but the operator could vouch for.
package servercert
