//! Tests through the public door, in one binary so that they link once.
