package web

// HandlerOf serves the page of given files, so that both cases are tested whether or not dist was built.
var HandlerOf = handler

// Files are those of the binary.
var Files = files
