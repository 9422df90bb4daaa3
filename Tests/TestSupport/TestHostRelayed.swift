import Foundation

extension TestHost {
    /// An ssh_config in which an alias reaches this host over another port, a relay's, or at another address, and still checks this host's key.
    public func sshConfig(alias: String, port: Int, address: String = "127.0.0.1") -> String {
        """
        Host \(alias)
          HostName \(address)
          Port \(port)
          HostKeyAlias [127.0.0.1]:\(self.port)
          IdentityFile \(keyFile.path)
          IdentitiesOnly yes
          IdentityAgent none
          UserKnownHostsFile \(knownHosts.path)
          GlobalKnownHostsFile /dev/null

        """
    }

    /// Takes the executors off the host again.
    public func removeExecutors() throws {
        let cache = home.appendingPathComponent(".cache/portal")
        if FileManager.default.fileExists(atPath: cache.path) { try FileManager.default.removeItem(at: cache) }
    }
}
