import Portal

/// Why an item was not copied, and which of its two names the error is about.
struct CopyFailure: Error {
    let error: PortalError
    let isAtDestination: Bool

    init(_ error: PortalError, isAtDestination: Bool = false) {
        self.error = error
        self.isAtDestination = isAtDestination
    }
}
