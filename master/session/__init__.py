"""A session with a slave: the wire, the requests, and what each of them does. Light: it is started for each login."""
