"""The middleware rules M1–M77 (and R12) as tests: over transports, styles of layers and depths of nesting.

A test's name begins with the rules it holds. `recording` has the layers that write down what happens to them,
`application` an application with a route for each way a request can end, `drivers` bare protocol doubles.

Not here, because what they are about does not exist yet: M57 and M58 (sessions).

Not here for other reasons: M31 and M70, which are in `tests/app/test_tasks.py` and `test_sse.py`; M51 in
`test_compression.py`, M52 in `test_conditional.py`, M41's files in `test_uploads.py`; M78–M80 in `tests/binding`; M37,
as what becomes of an unread body on the connection is the server's; M46 for streams with a wrong declared length,
which servers notice; M71, which needs processes and is in `tests/servers`. M63 is held by the order checks of M64 until
there is a CORS layer.
"""
