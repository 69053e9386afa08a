"""The admission webhook that records who edits a document: server, certificates, answers."""
