import Foundation
import Testing

/// Docs/waits.md: every wait names a test that lets it wait in vain, and every bound one that reaches it.
@Suite struct WaitsDocumentTests {
    /// The tests there are, as `Suite.function` and `Target.Suite.function`.
    static let tests: Set<String> = {
        var found: Set<String> = []
        let root = ProtocolDocument.repository.appending(path: "Tests")
        guard let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil) else { return found }
        for case let file as URL in files where file.pathExtension == "swift" {
            guard let text = try? String(contentsOf: file, encoding: .utf8) else { continue }
            var (suite, isTest) = ("", false)
            for line in text.utf8.split(separator: UInt8(ascii: "\n")).map({ Substring($0) }) {
                if line.first != " ", let name = line.firstMatch(of: /^(?:@Suite.* )?(?:final )?(?:struct|class|extension) (\w+)/) {
                    suite = String(name.1)
                }
                if line.drop(while: { $0 == " " }).hasPrefix("@Test") { isTest = true }
                guard isTest, let name = line.firstMatch(of: /\bfunc (\w+)\(/) else { continue }
                isTest = false
                found.formUnion(["\(suite).\(name.1)", "\(file.deletingLastPathComponent().lastPathComponent).\(suite).\(name.1)"])
            }
        }
        return found
    }()

    @Test(arguments: [
        ("## On this machine", "wait"), ("## On the host", "wait"), ("## Bounds, at which a sender waits or is told", "bound"),
    ])
    func everyWaitIsShownToEnd(heading: String, title: String) throws {
        let document = try ProtocolDocument(path: "Docs/waits.md")
        let rows = ProtocolDocument.table(title, in: document.section(heading))
        #expect(rows.count > 10)
        for row in rows {
            #expect(row.count == 4 && row.allSatisfy { !$0.isEmpty }, "\(row)")
            let names = ProtocolDocument.quoted(row.last ?? "")
            #expect(!names.isEmpty, "\(row)")
            for name in names { #expect(Self.tests.contains(name), "there is no test \(name): \(row.first ?? "")") }
        }
    }

    /// What is counted as a test is one.
    @Test func testsAreFound() {
        #expect(Self.tests.contains("PortalWireTests.WaitsDocumentTests.testsAreFound"))
        #expect(!Self.tests.contains("KillTableTests.kill"))
    }
}
