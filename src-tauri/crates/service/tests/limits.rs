//! What slows down whoever asks too much or too slowly, over the routes themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod common;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response, StatusCode, header};
use cairn_domain::access::Role;
use cairn_domain::op::sign_message;
use cairn_protocol::auth::{
    DEVICE_HEADER, NONCE_HEADER, SIGNATURE_HEADER, request_message, signature_header,
};
use cairn_protocol::{ApiError, code};
use cairn_service::http::{App, router};
use cairn_service::limits::Rate;
use cairn_service::serve::serve;
use common::*;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower::Service;

const PATH: &str = "/v1/sync";
const BODY: &str = r#"{"v":1,"known":{"list":[]}}"#;

async fn send(router: &Router, laptop: &Laptop, nonce: &str) -> Response<Body> {
    let message = request_message("POST", PATH, BODY.as_bytes(), nonce);
    let signature = signature_header(&sign_message(&laptop.key, &message));
    let request = Request::post(PATH)
        .header(DEVICE_HEADER, laptop.device.as_str())
        .header(NONCE_HEADER, nonce)
        .header(SIGNATURE_HEADER, signature)
        .body(Body::from(BODY));
    router.clone().call(request.unwrap()).await.unwrap()
}

/// A signed request of a laptop, after one without a nonce: what nobody has signed does not count.
async fn asked(router: &Router, laptop: &Laptop) -> Response<Body> {
    let refused = send(router, laptop, "").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let nonce = refused.headers()[NONCE_HEADER].to_str().unwrap().to_owned();
    send(router, laptop, &nonce).await
}

async fn limited(reply: Response<Body>) {
    assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: i64 = reply.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=600).contains(&wait), "{wait}");
    let body = axum::body::to_bytes(reply.into_body(), 10_000).await.unwrap();
    let error: ApiError = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (error.code.as_str(), error.details["retry_after_s"].as_i64()),
        (code::RATE_LIMITED, Some(wait))
    );
}

#[tokio::main(flavor = "current_thread")]
async fn run<T>(work: impl Future<Output = T>) -> T {
    work.await
}

fn a_device_and_an_account_have_so_many_requests(open: Open) {
    let mut world = World::new(open());
    world.user("ana", Role::ImplSpec, &[]);
    world.user("ben", Role::ImplSpec, &[]);
    let (first, second, ben) = (world.sign_in("ana"), world.sign_in("ana"), world.sign_in("ben"));
    world.service.rates.device = Rate { count: 3, seconds: 600 };
    world.service.rates.account = Rate { count: 5, seconds: 600 };
    let router = router(App::new(world.service), None);
    run(async {
        for _ in 0..3 {
            assert_eq!(asked(&router, &first).await.status(), StatusCode::OK);
        }
        limited(asked(&router, &first).await).await;
        // Her other device has its own requests, until hers of all devices are used up.
        for _ in 0..2 {
            assert_eq!(asked(&router, &second).await.status(), StatusCode::OK);
        }
        limited(asked(&router, &second).await).await;
        for _ in 0..3 {
            assert_eq!(asked(&router, &ben).await.status(), StatusCode::OK);
        }
    });
}

fn a_body_has_so_much_time(open: Open) {
    let app = App::new(World::new(open()).service).with_timeout(Duration::from_millis(50));
    let mut router = router(app, None);
    run(async {
        for path in ["/v1/sign-in", PATH] {
            let part = async { Ok::<_, Infallible>(Bytes::from_static(b"{")) };
            let slow = futures_util::stream::once(part).chain(futures_util::stream::pending());
            let request = Request::post(path).body(Body::from_stream(slow)).unwrap();
            let reply = tokio::time::timeout(Duration::from_secs(20), router.call(request)).await;
            let reply = reply.expect("in time").unwrap();
            assert_eq!(reply.status(), StatusCode::SERVICE_UNAVAILABLE);
            let body = axum::body::to_bytes(reply.into_body(), 10_000).await.unwrap();
            let error: ApiError = serde_json::from_slice(&body).unwrap();
            assert_eq!((error.code.as_str(), &error.details["connected"]), (code::UNREACHABLE, &true.into()));
        }
    });
}

/// Nothing at all, half a head, or nothing after a request: no connection is kept for it.
fn a_head_has_so_much_time(open: Open) {
    let router = router(App::new(World::new(open()).service), None);
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let patience = Duration::from_millis(400);
        let served = tokio::spawn(serve(listener, None, router, patience, async { drop(stopped.await) }));
        let whole = "GET /health/live HTTP/1.1\r\nhost: here\r\n\r\n";
        for (words, answered) in [("", false), ("GET /health/live HTTP/1.1\r\nho", false), (whole, true)] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(words.as_bytes()).await.unwrap();
            let mut reply = String::new();
            let ended =
                tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut reply)).await;
            ended.expect("closed").unwrap();
            assert_eq!(reply.starts_with("HTTP/1.1 200 OK"), answered, "{reply}");
        }
        stop.send(()).unwrap();
        served.await.unwrap();
    });
}

on_both!(a_device_and_an_account_have_so_many_requests, a_body_has_so_much_time, a_head_has_so_much_time,);
