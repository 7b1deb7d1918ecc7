//! Virtual players with parsers of their own, and a browser driver for tests.
