//! From a config to the origins of a site.

use std::{sync::Arc, time::Duration};

use http::uri::PathAndQuery;

use super::{
    group::Group, health::Rules, peer::Peer, place::Place, redirect::Redirects, tls::Trust,
};
use crate::{Config, EdgeError, config::SiteConfig};

/// Most origins, and most hosts that redirects may lead to. Chosen.
const PLACES_MAX: usize = 64;
/// Shortest period of checks, and shortest time that an origin is kept out. Chosen: less
/// would be a load of its own.
const PERIOD_MIN: Duration = Duration::from_millis(100);

/// Longest time of all. Chosen: what is longer is a mistake.
const PERIOD_MAX: Duration = Duration::from_secs(24 * 3600);

/// Checks what can be checked before a socket opens.
///
/// # Errors
/// The first fault found.
pub(crate) fn validate(config: &Config) -> Result<(), EdgeError> {
    places(config)?;
    redirect_places(config)?;
    let limit = |good: bool, key, why| {
        let bad = EdgeError::Limit { key, why };
        if good { Ok(()) } else { Err(bad) }
    };
    let permits = |count: usize| count > 0 && count < (u32::MAX >> 4) as usize;
    let weights = &config.origin_weights;
    limit(
        weights.is_empty() || weights.len() == config.origins.len(),
        "origin_weights",
        "it needs one number for each of origins, or none at all",
    )?;
    limit(
        weights.is_empty() || weights.iter().any(|it| *it > 0),
        "origin_weights",
        "one must be above 0",
    )?;
    limit(
        permits(config.origin_requests_max),
        "origin_requests_max",
        "it must be above 0 and not too large",
    )?;
    limit(
        permits(config.held_max),
        "held_max",
        "it must be above 0 and not too large",
    )?;
    limit(
        permits(config.uploads_max),
        "uploads_max",
        "it must be above 0 and not too large",
    )?;
    limit(
        config.eject_failures > 0,
        "eject_failures",
        "no origin could ever be asked",
    )?;
    limit(
        config.eject_ratio > 0.0 && config.eject_ratio <= 1.0,
        "eject_ratio",
        "it must be above 0 and at most 1",
    )?;
    limit(
        config.eject_time >= PERIOD_MIN && config.eject_time <= config.eject_time_max,
        "eject_time",
        "it must be at least 100ms and at most eject_time_max",
    )?;
    limit(
        config.health_path.is_empty() || is_path(&config.health_path),
        "health_path",
        "it must begin with \"/\"; empty for no checks",
    )?;
    limit(
        config.health_every >= PERIOD_MIN,
        "health_every",
        "it must be at least 100ms",
    )?;
    for (key, time) in [
        ("connect_timeout", config.connect_timeout),
        ("first_byte_timeout", config.first_byte_timeout),
        ("held_timeout", config.held_timeout),
        ("origin_wait", config.origin_wait),
        ("origin_dns_keep", config.origin_dns_keep),
        ("eject_time_max", config.eject_time_max),
        ("health_every", config.health_every),
    ] {
        limit(time <= PERIOD_MAX, key, "it must be at most a day")?;
    }
    limit(
        !config.follow_redirects || !config.redirect_hosts.is_empty(),
        "follow_redirects",
        "redirect_hosts must say where to",
    )
}

/// The settings of one of several sites.
pub(crate) fn of_site(config: &Config, site: &SiteConfig) -> Config {
    Config {
        origins: site.origins.clone(),
        origin_weights: site.origin_weights.clone(),
        follow_redirects: site.follow_redirects,
        redirect_hosts: site.redirect_hosts.clone(),
        site: Vec::new(),
        ..config.clone()
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.parse::<PathAndQuery>().is_ok()
}

/// The origins of a config, and those that redirects lead to.
pub(super) fn groups(config: &Config) -> Result<(Arc<Group>, Redirects), EdgeError> {
    let trust = Trust::load(&config.origin_ca)?;
    let rules = Rules::new(config);
    let peers = |places: Vec<Place>| places.into_iter().map(|it| Peer::new(it, config, &trust));
    let own: Vec<_> = peers(places(config)?).collect();
    let mut elsewhere = Vec::new();
    if config.follow_redirects {
        for peer in peers(redirect_places(config)?) {
            let place = peer.place.clone();
            elsewhere.push((place, Group::new(vec![peer], Vec::new(), rules.clone())));
        }
    }
    let group = Group::new(own, config.origin_weights.clone(), rules);
    Ok((group, Redirects(elsewhere)))
}

fn places(config: &Config) -> Result<Vec<Place>, EdgeError> {
    let bad = |url: &str, why| EdgeError::Origin {
        url: url.to_owned(),
        why,
    };
    if config.origins.is_empty() {
        return Ok(vec![Place::parse(&config.origin)?]);
    }
    let mut places = Vec::new();
    for url in &config.origins {
        let place = Place::parse(url)?;
        if places.contains(&place) {
            return Err(bad(url, "it stands twice"));
        }
        if places.len() == PLACES_MAX {
            return Err(bad(url, "there are more than 64"));
        }
        places.push(place);
    }
    Ok(places)
}

/// Each host with and without TLS; a port belongs to both.
fn redirect_places(config: &Config) -> Result<Vec<Place>, EdgeError> {
    let mut places = Vec::new();
    for host in &config.redirect_hosts {
        let bad = |why| EdgeError::RedirectHost {
            host: host.clone(),
            why,
        };
        if places.len() >= 2 * PLACES_MAX {
            return Err(bad("there are more than 64"));
        }
        let authority = host.parse().map_err(|_| bad("it is no host[:port]"))?;
        places.push(Place::new(false, &authority).map_err(bad)?);
        if cfg!(feature = "tls") {
            places.push(Place::new(true, &authority).map_err(bad)?);
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        validate(&config).unwrap_err().to_string()
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_reason() {
        let two = || vec!["http://a".to_owned(), "http://A:80".to_owned()];
        let faults = [
            (fault(|it| it.origins = two()), "stands twice"),
            (fault(|it| it.origins = vec!["x".to_owned()]), "http://"),
            (
                fault(|it| it.origin_weights = vec![1]),
                "one number for each",
            ),
            (
                fault(|it| it.origin_requests_max = 0),
                "origin_requests_max",
            ),
            (fault(|it| it.held_max = 0), "held_max"),
            (fault(|it| it.uploads_max = 0), "uploads_max"),
            (fault(|it| it.eject_failures = 0), "eject_failures"),
            (fault(|it| it.eject_ratio = 0.0), "eject_ratio"),
            (fault(|it| it.eject_ratio = f64::NAN), "eject_ratio"),
            (fault(|it| it.eject_time = Duration::ZERO), "eject_time"),
            (fault(|it| it.health_path = "up".to_owned()), "health_path"),
            (fault(|it| it.health_every = Duration::ZERO), "health_every"),
            (fault(|it| it.held_timeout = Duration::MAX), "held_timeout"),
            (fault(|it| it.follow_redirects = true), "redirect_hosts"),
            (
                fault(|it| it.redirect_hosts = vec!["a/b".to_owned()]),
                "a/b",
            ),
        ];
        for (said, why) in faults {
            assert!(said.contains(why), "{why}: {said}");
        }
    }

    #[test]
    fn weights_that_leave_nobody_are_refused() {
        let said = fault(|it| {
            it.origins = vec!["http://a".to_owned(), "http://b".to_owned()];
            it.origin_weights = vec![0, 0];
        });
        assert!(said.contains("above 0"), "{said}");
    }
}
