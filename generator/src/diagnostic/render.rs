//! Diagnostics as a person, an editor or a CI service reads them.
