//! Answers requests.

use std::{collections::HashMap, convert::Infallible, io, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::{
    state::{Page, State},
    watch,
};

/// What is answered with.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// A request for a collection.
pub(crate) struct Asked {
    pub(crate) plural: String,
    pub(crate) query: HashMap<String, String>,
    /// Nothing but metadata is wanted.
    pub(crate) is_partial: bool,
}

pub(crate) async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default();
    state.known().note_request(format!("{path}?{query}"));
    let plural = path.rsplit('/').next().unwrap_or_default().to_owned();
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_partial = accept.is_some_and(|accept| accept.contains("as=PartialObjectMetadata"));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let asked = Asked { plural, query, is_partial };
    Ok(if request.method() != Method::GET {
        failure(405, "MethodNotAllowed", "this server lists and watches")
    } else if state.known().is_forbidden(&asked.plural) {
        failure(403, "Forbidden", &format!("{} is forbidden: a test wants it so", asked.plural))
    } else if asked.query.get("watch").is_some_and(|watch| watch == "true" || watch == "1") {
        watch::watch(&state, asked)
    } else {
        list(&state, &asked)
    })
}

fn list(state: &State, asked: &Asked) -> Response<Body> {
    let mut known = state.known();
    let page = match asked.query.get("continue") {
        Some(token) => known.page(token),
        None => Some(known.all(&asked.plural)),
    };
    let Some(Page { version, mut rest }) = page else { return gone() };
    let limit = asked.query.get("limit").and_then(|limit| limit.parse::<usize>().ok()).unwrap_or(usize::MAX);
    let later = rest.split_off(rest.len().min(limit));
    let token = (!later.is_empty()).then(|| known.keep(Page { version, rest: later }));
    let items: Vec<Value> = rest.into_iter().map(|object| asked.shape(object)).collect();
    let metadata = json!({"resourceVersion": version.to_string(), "continue": token.unwrap_or_default()});
    let text = json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}).to_string();
    response(StatusCode::OK, whole(text))
}

// === impl Asked ===

impl Asked {
    /// An object as it was asked for.
    pub(crate) fn shape(&self, object: Value) -> Value {
        match self.is_partial {
            true => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
            }
            false => object,
        }
    }
}

/// 410.
pub(crate) fn gone() -> Response<Body> {
    failure(410, "Expired", "too old resource version")
}

/// A `Status`, as text.
pub(crate) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
        "metadata": {}})
}

fn failure(code: u16, reason: &str, message: &str) -> Response<Body> {
    let text = status(code, reason, message).to_string();
    response(StatusCode::from_u16(code).expect("a status of HTTP"), whole(text))
}

pub(crate) fn response(code: StatusCode, body: Body) -> Response<Body> {
    let response = Response::builder().status(code).header(header::CONTENT_TYPE, "application/json");
    response.body(body).expect("a response of valid parts")
}

fn whole(text: String) -> Body {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed()
}
