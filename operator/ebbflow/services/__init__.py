"""One use case a module: gather, decide, act, report. What several use lies beside the packages."""
