import DoorSupport
import PortalWire
import Testing

@testable import CodexDoor

/// What needs no host.
@Suite struct TranslationTests {
    @Test(arguments: [
        ("/srv/app", "file:///srv/app"), ("/a b/ü#?%", "file:///a%20b/%C3%BC%23%3F%25"), ("/", "file:///"),
    ]) func pathsAreURIs(path: String, uri: String) {
        #expect(FileURI.uri(Array(path.utf8)) == Array(uri.utf8))
        #expect(FileURI.path(Array(uri.utf8)) == Array(path.utf8))
    }

    @Test func whatIsNoURIOfAPath() {
        for text in ["/srv", "http://x/y", "file://other/x", "file:///a%2", "file:///a%00b", "file:relative"] {
            #expect(FileURI.path(Array(text.utf8)) == nil, "\(text)")
        }
        #expect(FileURI.path(Array("file://localhost/x/".utf8)) == Array("/x".utf8))
        #expect(FileURI.path(Array("file:///%FF".utf8)) == [0x2F, 0xFF])
    }

    @Test func directoriesHereStandForOthersThere() {
        let map = PathMap([
            (here: Array("/home/ann/app/".utf8), there: Array("/srv/app".utf8)), (here: Array("/x".utf8), there: Array("/".utf8)),
        ])
        func there(_ path: String) -> String { String(decoding: map.there(Array(path.utf8)), as: UTF8.self) }
        #expect(there("/home/ann/app") == "/srv/app" && there("/home/ann/app/a/b") == "/srv/app/a/b")
        #expect(there("/home/ann/application") == "/home/ann/application" && there("/x") == "/" && there("/x/etc") == "/etc")
        #expect(map.here(Array("/srv/app/c".utf8)) == Array("/home/ann/app/c".utf8))
    }

    @Test func base64OfEveryLength() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 200) }
            #expect(BlockBase64.encode(bytes) == Base64.encode(bytes))
            #expect(BlockBase64.decode(Base64.encode(bytes)) == bytes)
        }
        for text in ["A", "AAA", "A===", "=AAA", "AA=A", "AA*A", "AAAA=AAA"] {
            #expect(BlockBase64.decode(Array(text.utf8)) == nil, "\(text)")
        }
    }

    // MARK: Environment

    private func changes(_ policy: JSONValue, env: JSONValue = [:], names: [String]) throws -> [String: String?] {
        let policy = try EnvironmentPolicy(["envPolicy": policy, "env": env])
        var result: [String: String?] = [:]
        for change in policy.changes(names: names) {
            result[String(decoding: change.name, as: UTF8.self)] = .some(change.value.map { String(decoding: $0, as: UTF8.self) })
        }
        return result
    }

    @Test func everythingIsInheritedButWhatIsNamed() throws {
        let policy: JSONValue = ["inherit": "all", "ignoreDefaultExcludes": true, "exclude": ["A"], "set": ["B": "2"], "includeOnly": []]
        #expect(try !EnvironmentPolicy(["envPolicy": policy, "env": [:]]).needsNames)
        let found = try changes(policy, env: ["C": "3", "B": "4"], names: [])
        #expect(found.mapValues { $0 ?? "(none)" } == ["A": "(none)", "B": "4", "C": "3"])
    }

    @Test func patternsAndDefaultsTakeNamesOut() throws {
        let names = ["PATH", "HOME", "MY_API_key", "GITHUB_TOKEN", "AWS_X", "AWS_Y", "EDITOR"]
        let defaults = try changes(
            ["inherit": "all", "ignoreDefaultExcludes": false, "exclude": ["aws_?"], "set": [:], "includeOnly": []], names: names)
        #expect(Set(defaults.keys) == ["MY_API_key", "GITHUB_TOKEN", "AWS_X", "AWS_Y"] && defaults.values.allSatisfy { $0 == nil })
        let core = try changes(
            ["inherit": "core", "ignoreDefaultExcludes": true, "exclude": [], "set": ["X": "1"], "includeOnly": []], names: names)
        #expect(Set(core.keys) == ["MY_API_key", "GITHUB_TOKEN", "AWS_X", "AWS_Y", "EDITOR", "X"])
        let only = try changes(
            ["inherit": "all", "ignoreDefaultExcludes": true, "exclude": [], "set": ["X": "1"], "includeOnly": ["PA*"]], names: names)
        #expect(Set(only.keys) == Set(names).subtracting(["PATH"]))
    }

    @Test func withoutAPolicyTheEnvironmentIsWhole() throws {
        let policy = try EnvironmentPolicy(["envPolicy": .null, "env": ["A": "1"]])
        #expect(policy.needsNames)
        #expect(policy.changes(names: ["PATH", "A"]).map { String(decoding: $0.name, as: UTF8.self) } == ["A", "PATH"])
    }

    // MARK: Sandboxes

    private func entry(_ path: JSONValue, _ access: String) -> JSONValue { ["path": path, "access": .text(access)] }

    private func special(_ kind: String, _ part: String? = nil) -> JSONValue {
        ["type": "special", "value": part.map { ["kind": .text(kind), "subpath": .text($0)] } ?? ["kind": .text(kind)]]
    }

    private func sandbox(_ entries: [JSONValue], network: String = "restricted") -> JSONValue {
        [
            "sandbox": [
                "permissions": [
                    "type": "managed", "file_system": ["type": "restricted", "entries": .array(entries)], "network": .text(network),
                ],
                "policyContext": ["cwd": "file:///here", "workspaceRoots": ["file:///here"]],
            ]
        ]
    }

    @Test func aWorkspaceThatMayBeWritten() throws {
        let parameters = sandbox([
            entry(special("root"), "read"), entry(special("project_roots"), "write"), entry(special("slash_tmp"), "write"),
            entry(special("project_roots", ".git"), "read"), entry(["type": "path", "path": "file:///opt/x"], "write"),
        ])
        let policy = try #require(try SandboxPolicy(parameters, map: PathMap([(here: Array("/here".utf8), there: Array("/there".utf8))])))
        func access(_ path: String) -> SandboxPolicy.Access { policy.access(to: Array(path.utf8)) }
        #expect(access("/there/a") == .write && access("/there/.git/config") == .read && access("/there/.github") == .write)
        #expect(access("/etc/passwd") == .read && access("/tmp/x") == .write && access("/opt/x") == .write && access("/opt/xy") == .read)
        let confinement = try policy.confinement()
        #expect(confinement.paths(.read) == [Array("/".utf8)] && confinement.paths(.keep) == [Array("/there/.git".utf8)])
        #expect(confinement.paths(.write).starts(with: [Array("/there".utf8), Array("/tmp".utf8), Array("/opt/x".utf8)]))
        #expect(!confinement.network)
    }

    @Test func whatIsNotUnderstoodIsRefused() {
        let bad: [JSONValue] = [
            sandbox([entry(special("root"), "none")]), sandbox([entry(special("root"), "deny")]), sandbox([entry(special("moon"), "read")]),
            sandbox([entry(["type": "glob_pattern", "pattern": "**/.env"], "read")]), sandbox([], network: "some"),
            sandbox([entry(["type": "path", "path": "/no/uri"], "read")]), ["sandbox": ["permissions": ["type": "external"]]],
            ["sandbox": [:]], ["sandbox": ["permissions": ["type": "managed", "network": "enabled"]]],
            sandbox([entry(special("project_roots", "/abs"), "read")]),
        ]
        for parameters in bad {
            let error = #expect(throws: RemoteProcedureError.self) { try SandboxPolicy(parameters, map: PathMap()) }
            #expect(error?.code == -32600)
        }
        let nested = sandbox([
            entry(special("project_roots"), "write"), entry(special("project_roots", ".git"), "read"),
            entry(special("project_roots", ".git/hooks"), "write"),
        ])
        #expect(throws: RemoteProcedureError.self) { try SandboxPolicy(nested, map: PathMap())?.confinement() }
    }

    @Test func noSandboxAndADisabledOne() throws {
        #expect(try SandboxPolicy(["sandbox": .null], map: PathMap()) == nil)
        #expect(try SandboxPolicy(["sandbox": ["permissions": ["type": "disabled"]]], map: PathMap()) == nil)
    }
}
