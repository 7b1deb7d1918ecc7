//! Catalogue, jobs, uploads, delivery, API.
