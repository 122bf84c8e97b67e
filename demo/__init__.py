"""A small farm to look at: packages made on the spot, a signed archive on loopback, and all parts at work on them."""
