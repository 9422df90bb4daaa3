import DoorSupport
import Portal
import PortalWire
import Testing

@testable import AgentTools

/// What is shown of texts: of files, of commands' output, of notebooks.
@Suite struct TextTests {
    private func numbered(_ text: String, first: Int = 1, more: Bool = false) -> String {
        String(decoding: ReadTool.numbered(Array(text.utf8), first: first, endsWithEmptyLine: !more), as: UTF8.self)
    }

    @Test func linesHaveNumbers() {
        #expect(numbered("a\nb\n") == "1\ta\n2\tb\n3\t")
        #expect(numbered("a\r\n\r\nb") == "1\ta\n2\t\n3\tb")
        #expect(numbered("\u{FEFF}a\n", first: 1, more: true) == "1\ta")
        #expect(numbered("x\n", first: 7, more: true) == "7\tx")
        #expect(numbered("", first: 4) == "4\t")
        let long = String(repeating: "é", count: 2001)
        #expect(numbered(long, more: true) == "1\t" + String(repeating: "é", count: 2000) + "... [truncated]")
    }

    @Test func outputIsCutInTheMiddle() {
        var text = KeptText()
        text.add(Array("\n \nab\n\n".utf8))
        #expect(text.shown { _ in "cut" }.text == "ab")
        text = KeptText()
        for number in 0..<100_000 { text.add(Array("\(number % 10)é".utf8)) }
        let shown = text.shown { "<\($0.lowerBound)-\($0.upperBound)>" }
        #expect(shown.cut == 22500..<277500)
        #expect(
            shown.text == String(repeating: "0é1é2é3é4é5é6é7é8é9é", count: 750) + "\n\n<22500-277500>\n\n"
                + String(repeating: "0é1é2é3é4é5é6é7é8é9é", count: 750))
        text = KeptText()
        text.add(Array(repeating: 0x61, count: 30_000))
        #expect(text.shown { _ in "cut" }.cut == nil)
        text.add([0x61])
        #expect(text.shown { _ in "cut" }.cut == 15_000..<15_001)
    }

    @Test func piecesEndWithWholeCharacters() {
        var pieces = TextPieces()
        let bytes = Array("aé€😀".utf8)
        var text = ""
        for byte in bytes { text += pieces.take([byte]) }
        #expect(text == "aé€😀")
    }

    @Test func aCommandIsQuotedForTheShell() {
        #expect(
            String(decoding: ShellScript.reporting(Array("echo 'a'".utf8)), as: UTF8.self).hasPrefix(
                #"exec 3>&2 2>&1; eval 'echo '\''a'\''' 3>&-; "#))
        #expect(ShellScript.Report(Array("warned\n\u{1}/a b\n".utf8)).directory == Array("/a b".utf8))
        #expect(ShellScript.Report(Array("warned\n\u{1}/a b\n".utf8)).before == Array("warned\n".utf8))
        #expect(ShellScript.Report(Array("\u{1}/a".utf8)).directory == nil)
        #expect(ShellScript.Report([]).directory == nil)
    }

    @Test func pathsStartAtTheWorkspace() {
        func absolute(_ path: String) -> String {
            HostPath.text(HostPath.absolute(Array(path.utf8), from: Array("/srv/app".utf8), home: Array("/home/ann".utf8)))
        }
        #expect(absolute("a") == "/srv/app/a" && absolute("./a//b/") == "/srv/app/a/b" && absolute("~/x") == "/home/ann/x")
        #expect(absolute("/a/../b") == "/a/../b" && absolute(".") == "/srv/app" && absolute("~x") == "/srv/app/~x" && absolute("/") == "/")
        func relative(_ path: String) -> String? { HostPath.relative(Array(path.utf8), to: Array("/srv/app".utf8)).map(HostPath.text) }
        #expect(relative("/srv/app/a/b") == "a/b" && relative("/srv/app") == "." && relative("/srv/apple") == nil)
        #expect(relative("/srv/app/../x") == nil && relative("/srv") == nil)
    }

    @Test func globsOfOneParameterAreTakenApart() {
        #expect(SearchTool.globs("*.js, *.ts *.{a,b}") == ["*.js", "*.ts", "*.{a,b}"])
        #expect(SearchTool.globs(nil).isEmpty)
    }

    @Test func notebooksAreTheirCells() throws {
        let notebook = """
            {"cells":[{"cell_type":"markdown","id":"m1","source":["# T\\n","x"]},
            {"cell_type":"code","source":"print(1)","outputs":[{"output_type":"stream","text":["1\\n"]},
            {"output_type":"display_data","data":{"image/png":"iVBORw0KGgo=\\n","text/plain":"<Figure>"}},
            {"output_type":"error","ename":"E","evalue":"v","traceback":["t1","t2"]}]}],
            "metadata":{"language_info":{"name":"python"}},"nbformat":4,"x":1.5}
            """
        let shown = try #require(Notebook.shown(Array(notebook.utf8), most: 100_000))
        #expect(shown.content.count == 3)
        #expect(
            shown.text
                == """
                <cell id="m1"><cell_type>markdown</cell_type># T
                x</cell id="m1">
                <cell id="cell-1">print(1)</cell id="cell-1">
                1


                <Figure>
                E: v
                t1
                t2

                """.replacing("<Figure>\nE", with: "<Figure>\n\nE"))
        #expect(shown.content[1] == .image([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], type: "image/png"))
        #expect(Notebook.shown(Array("{}".utf8), most: 10) == nil)
    }

    @Test func theOldestEndedCommandIsForgotten() async throws {
        let workspace = try await Workspace.open(
            "nowhere",
            options: { () -> ConnectionOptions in
                var options = ConnectionOptions()
                options.proxy = .inProcess
                return options
            }())
        defer { workspace.close() }
        let table = CommandTable()
        for number in 0..<300 {
            let command = ShellCommand(identifier: "\(number)", text: "", process: workspace.process(named: "\(number)"), reports: false)
            if number > 0 { command.end = ProcessEnd(code: 0, signal: nil, wallMilliseconds: 1, processorMilliseconds: 1) }
            table.add(command)
        }
        #expect(table.find("0") != nil, "it runs")
        #expect(table.find("1") == nil && table.find("44") == nil && table.find("45") != nil && table.find("299") != nil)
    }

    @Test func aPromiseIsWaitedForAsLongAsIsSaid() async {
        let promise = Promise<Int>()
        #expect(await promise.value(milliseconds: 20) == nil)
        async let late = promise.value(milliseconds: 20_000)
        promise.fulfil(7)
        promise.fulfil(8)
        #expect(await late == 7)
        #expect(await promise.value(milliseconds: 0) == 7)
        let waiting = Task { await Promise<Int>().value(milliseconds: 60_000) }
        waiting.cancel()
        #expect(await waiting.value == nil)
    }
}
