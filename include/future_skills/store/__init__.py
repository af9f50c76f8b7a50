"""The artefact store: files at a URI, written whole or not at all; models signed, and loaded only after verification."""
