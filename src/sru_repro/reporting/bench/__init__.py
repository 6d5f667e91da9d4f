"""Records of `sru-repro bench` to tables and figures."""
