import PortalProxy

/// The two parts of a target that was checked to be one.
enum HostName {
    /// The host, as the user named it.
    static func of(_ target: String) -> String { (try? Target(target))?.name ?? target }

    /// The directory; nil for the home directory.
    static func directory(of target: String) -> String? { (try? Target(target))?.directory }
}
