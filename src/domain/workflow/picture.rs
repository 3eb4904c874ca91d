//! stub
use super::Definition;
/// stub
pub fn svg(_: &Definition, _: Option<&str>) -> String {
    String::new()
}
/// stub
pub fn mermaid(_: &Definition, _: Option<&str>) -> String {
    String::new()
}
/// stub
pub fn dot(_: &Definition, _: Option<&str>) -> String {
    String::new()
}
/// stub
pub fn table(_: &Definition) -> String {
    String::new()
}
