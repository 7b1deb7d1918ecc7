//! Threads that serve connections, each by itself.
//!
//! On one runtime of several threads, who reads a socket is seldom who was woken by it:
//! each request wakes another thread, and costs half as much again. So every lane has
//! its own runtime and keeps the connections that it was given, with what they start:
//! fetches too. Those who wait for one fetch on several lanes are woken across them.

use std::{io, num::NonZero, sync::Arc, thread};

use tokio::{
    net::TcpStream,
    runtime::{Builder, Handle, RuntimeFlavor},
    sync::oneshot,
};

/// See the module. Its threads end with it.
pub(crate) struct Lanes(Box<[Lane]>);

struct Lane {
    runtime: Handle,
    /// Held by each of its connections.
    seat: Arc<()>,
    /// Ends the thread by being dropped.
    _end: oneshot::Sender<()>,
}

/// Where a connection is served.
pub(crate) struct Seat {
    pub(crate) runtime: Handle,
    _seat: Option<Arc<()>>,
}

impl Lanes {
    /// So many, or with 0 one for each core. None if the caller's runtime has one thread:
    /// who chose that wants all to run there.
    ///
    /// # Errors
    /// A thread or its runtime can't be made.
    pub(crate) fn new(threads: usize) -> io::Result<Self> {
        let is_alone = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread);
        let threads = match threads {
            _ if is_alone => 0,
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        };
        let lanes = (0..threads).map(Lane::start);
        Ok(Self(lanes.collect::<Result<_, _>>()?))
    }

    /// Gives a connection to the lane that has the fewest.
    pub(crate) fn take(&self, stream: TcpStream) -> io::Result<(Seat, TcpStream)> {
        let Some(lane) = self
            .0
            .iter()
            .min_by_key(|lane| Arc::strong_count(&lane.seat))
        else {
            let seat = Seat {
                runtime: Handle::current(),
                _seat: None,
            };
            return Ok((seat, stream));
        };
        let _inside = lane.runtime.enter();
        let stream = TcpStream::from_std(stream.into_std()?)?;
        let seat = Seat {
            runtime: lane.runtime.clone(),
            _seat: Some(lane.seat.clone()),
        };
        Ok((seat, stream))
    }
}

impl Lane {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let name = format!("edge-lane-{number}");
        thread::Builder::new().name(name).spawn(move || {
            // Nothing is ever sent: it ends when the sender goes.
            let _ = runtime.block_on(ended);
            // A blocking call that still runs must not hold up the process's end.
            runtime.shutdown_background();
        })?;
        Ok(Self {
            runtime: handle,
            seat: Arc::default(),
            _end: end,
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn accepted(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let address = listener.local_addr().unwrap();
        let (theirs, ours) = tokio::join!(TcpStream::connect(address), listener.accept());
        (theirs.unwrap(), ours.unwrap().0)
    }

    fn taken(lanes: &Lanes) -> Vec<usize> {
        let counts = lanes.0.iter().map(|lane| Arc::strong_count(&lane.seat) - 1);
        counts.collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_connection_goes_where_the_fewest_are() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let lanes = Lanes::new(3).unwrap();
        let mut seats = Vec::new();
        for _ in 0..6 {
            let (_theirs, ours) = accepted(&listener).await;
            seats.push(lanes.take(ours).unwrap());
        }
        assert_eq!(taken(&lanes), [2, 2, 2]);
        // The second and the fifth were the second lane's.
        seats.remove(4);
        seats.remove(1);
        let (_theirs, ours) = accepted(&listener).await;
        seats.push(lanes.take(ours).unwrap());
        assert_eq!(taken(&lanes), [2, 1, 2]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_still_runs_there_ends_with_it() {
        let lanes = Lanes::new(2).unwrap();
        let still = lanes.0.iter().map(|lane| {
            let (runs, ended) = oneshot::channel::<()>();
            lane.runtime.spawn(async move {
                let _runs = runs;
                std::future::pending::<()>().await;
            });
            ended
        });
        let still: Vec<_> = still.collect();
        drop(lanes);
        for ended in still {
            assert!(ended.await.is_err());
        }
    }

    #[tokio::test]
    async fn on_a_runtime_of_one_thread_there_are_none() {
        assert!(Lanes::new(3).unwrap().0.is_empty());
    }
}
