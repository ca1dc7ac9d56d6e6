package browser

// WithAddress is what happens to Pion's offers.
var WithAddress = withAddress
