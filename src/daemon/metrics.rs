//! The numbers of the components, in OpenMetrics.
