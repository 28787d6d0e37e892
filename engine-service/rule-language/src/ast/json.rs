//! Conditions as JSON, for editors and linters.
//!
//! Every node is an object with a `type`. Places are bytes from the start of the condition, counted from 0. Strings can
//! hold any bytes: one that is no UTF-8 is given as `value_hex`, pairs of hexadecimal digits, in place of `value`.

use serde_json::{Map, Value, json};

use super::{Argument, Call, Check, Field, Node, Operand, Rhs};

impl Node {
    /// The tree as JSON: `and` and `or` with `children`, `not` with `child`, `identifier` with `name`, `unary_check` and
    /// `binary_check` with `left`, `operator`, and what else they have.
    ///
    /// Recurses as deep as the condition is nested, which the parser bounds.
    pub fn to_json(&self) -> Value {
        match self {
            Self::And(children) => logical("and", children),
            Self::Or(children) => logical("or", children),
            Self::Not(child) => json!({"type": "not", "child": child.to_json()}),
            Self::Identifier(identifier) => {
                json!({"type": "identifier", "name": identifier.name, "offset": identifier.offset})
            }
            Self::Check(check) => check.to_json(),
        }
    }
}

impl Check {
    fn to_json(&self) -> Value {
        let left = operand(&self.lhs);
        let mut node = Map::new();
        let kind = if self.rhs == Rhs::None { "unary_check" } else { "binary_check" };
        node.insert("type".to_owned(), kind.into());
        node.insert("left".to_owned(), left);
        node.insert("operator".to_owned(), self.operator_text.into());
        if let Some(modifier) = self.modifier {
            node.insert("modifier".to_owned(), modifier.as_str().into());
        }
        if let Some(right) = right(&self.rhs, self.rhs_offset) {
            node.insert("right".to_owned(), right);
        }
        Value::Object(node)
    }
}

fn logical(kind: &str, children: &[Node]) -> Value {
    json!({"type": kind, "children": children.iter().map(Node::to_json).collect::<Vec<_>>()})
}

fn operand(operand: &Operand) -> Value {
    match operand {
        Operand::Field(written) => field(written),
        Operand::Call(written) => call(written),
    }
}

fn field(field: &Field) -> Value {
    let mut node = json!({"type": "field", "name": field.name, "offset": field.offset});
    if let Some(argument) = &field.argument {
        insert(&mut node, "argument", argument.as_str().into());
    }
    node
}

fn call(call: &Call) -> Value {
    let arguments: Vec<Value> = call.arguments.iter().map(argument).collect();
    let mut node = json!({
        "type": "transformer", "name": call.transformer.as_str(), "arguments": arguments, "offset": call.offset,
    });
    if let Some(selector) = &call.selector {
        insert(&mut node, "argument", selector.as_str().into());
    }
    node
}

fn argument(argument: &Argument) -> Value {
    match argument {
        Argument::Operand(written) => operand(written),
        Argument::Text(bytes) => text(bytes),
        Argument::List(members) => {
            json!({"type": "transformer_list", "items": members.iter().map(self::argument).collect::<Vec<_>>()})
        }
    }
}

fn right(rhs: &Rhs, offset: usize) -> Option<Value> {
    let mut node = match rhs {
        Rhs::None => return None,
        Rhs::Value(bytes) => text(bytes),
        Rhs::Word(word) => json!({"type": "identifier", "name": word}),
        Rhs::List(values) => {
            json!({"type": "list", "items": values.iter().map(|value| text(value)).collect::<Vec<_>>()})
        }
        Rhs::Val(written) => json!({"type": "transformer", "name": "val", "arguments": [field(written)]}),
        Rhs::Call(written) => call(written),
    };
    insert(&mut node, "offset", offset.into());
    Some(node)
}

fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({"type": "value", "value": text}),
        Err(_) => {
            let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            json!({"type": "value", "value_hex": hex})
        }
    }
}

fn insert(node: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = node {
        map.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::parse_condition;

    fn tree(text: &str) -> serde_json::Value {
        parse_condition(text).unwrap().to_json()
    }

    /// Scenario: a condition with every kind of node. Guarantees: each has its type, its parts and its place.
    #[test]
    fn every_kind_of_node_has_its_object() {
        assert_eq!(
            tree("not a or proc.aname[2] exists and evt.num>=0x1F"),
            json!({"type": "or", "children": [
                {"type": "not", "child": {"type": "identifier", "name": "a", "offset": 4}},
                {"type": "and", "children": [
                    {"type": "unary_check", "operator": "exists",
                        "left": {"type": "field", "name": "proc.aname", "argument": "2", "offset": 9}},
                    {"type": "binary_check", "operator": ">=",
                        "left": {"type": "field", "name": "evt.num", "offset": 34},
                        "right": {"type": "value", "value": "0x1F", "offset": 43}},
                ]},
            ]})
        );
    }

    /// Scenario: every kind of right-hand side. Guarantees: lists, words, fields and transformers can be told apart.
    #[test]
    fn right_hand_sides_can_be_told_apart() {
        let right = |text: &str| tree(text)["right"].clone();
        let value = |text: &str| json!({"type": "value", "value": text});
        assert_eq!(right("a.b = 'x y'"), json!({"type": "value", "value": "x y", "offset": 6}));
        assert_eq!(right("a.b = '\\xff'"), json!({"type": "value", "value_hex": "ff", "offset": 6}));
        assert_eq!(
            right("a.b in (x, '')"),
            json!({"type": "list", "items": [value("x"), value("")], "offset": 7})
        );
        assert_eq!(right("a.b in shells"), json!({"type": "identifier", "name": "shells", "offset": 7}));
        let field = json!({"type": "field", "name": "c.d", "offset": 10});
        assert_eq!(
            right("a.b = val(c.d)"),
            json!({"type": "transformer", "name": "val", "arguments": [field], "offset": 6})
        );
        let condition = tree("getopt((a.b, 1), 'x:')[x] startswith oneof (y)");
        assert_eq!(condition["modifier"], "oneof");
        assert_eq!(condition["left"]["argument"], "x");
        let members = json!([{"type": "field", "name": "a.b", "offset": 8}, value("1")]);
        assert_eq!(condition["left"]["arguments"][0], json!({"type": "transformer_list", "items": members}));
    }
}
