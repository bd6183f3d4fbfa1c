import Generation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct FineTuningTests {
    private static let path = "/v1/fine_tuning/jobs"

    @LoopActor private func create(_ fields: String, _ api: TestAPI? = nil) async -> HTTPResponseRecorder {
        await (api ?? TestAPI(tuning: ScriptedTuning())).send("POST", Self.path, "{\"model\":\"smol\",\"training_file\":\"file-0\"\(fields)}")
    }

    @LoopActor @Test func aJobHasOpenAIsShape() async throws {
        let fields = """
            ,"validation_file":"file-1","suffix":"sql","seed":3,"metadata":{"team":"a"},"integrations":[],\
            "method":{"type":"dpo","dpo":{"hyperparameters":{"n_epochs":2,"batch_size":"auto","learning_rate_multiplier":0.5,"beta":0.2}}},\
            "lmoe":{"rank":8,"targets":["q_proj","v_proj"],"skip-broken":true,"warmup":0.25}
            """
        let expected = """
            {"object":"fine_tuning.job","id":"ftjob-0","created_at":8,"finished_at":null,"model":"smol","fine_tuned_model":null,\
            "organization_id":"lmoe","status":"validating_files",\
            "hyperparameters":{"batch_size":"auto","learning_rate_multiplier":0.5,"n_epochs":2},\
            "training_file":"file-0","validation_file":"file-1","result_files":[],"trained_tokens":null,"error":null,"seed":3,\
            "estimated_finish":null,"integrations":[],\
            "method":{"type":"dpo","dpo":{"hyperparameters":{"batch_size":"auto","learning_rate_multiplier":0.5,"n_epochs":2,"beta":0.2}}},\
            "metadata":{"team":"a"},\
            "lmoe":{"adapter":"sql","paused":false,"step":0,"total_steps":null,\
            "settings":{"rank":"8","targets":"q_proj,v_proj","skip-broken":"true","warmup":"0.25"}}}
            """
        #expect(await create(fields).text == expected)
    }

    @LoopActor @Test func hyperparametersMayStandAtTheTopAsTheyDidBefore() async throws {
        let answer = try await create(",\"hyperparameters\":{\"n_epochs\":4}").json()
        #expect(answer["hyperparameters"]?["n_epochs"] == 4 && answer["method"]?["type"] == "supervised")
        #expect(try await create(",\"lmoe\":{\"objective\":\"orpo\"}").json()["method"] == nil)
    }

    @LoopActor @Test func theModelIsTheBaseOrAnAdapterThatIsTunedFurther() async throws {
        let api = TestAPI(tuning: ScriptedTuning())
        for (model, start) in [("base", nil), ("org/Smol-Instruct", nil), ("sql", "sql")] as [(String, String?)] {
            let answer = await api.send("POST", Self.path, "{\"model\":\"\(model)\",\"training_file\":\"file-0\"}")
            #expect(answer.status == 200)
            #expect(api.tuning?.jobs.withLock { $0.last?.request.start } == start)
        }
        for (model, status) in [("auto", 400), ("gpt-4o-mini", 404)] {
            let answer = await api.send("POST", Self.path, "{\"model\":\"\(model)\",\"training_file\":\"file-0\"}")
            #expect(answer.status == status)
            #expect(try answer.json().error("param") == "model")
        }
    }

    @LoopActor @Test(arguments: [
        (",\"method\":{\"type\":\"reinforcement\"}", "method.type"), (",\"method\":{}", "method.type"),
        (",\"method\":{\"type\":\"dpo\",\"supervised\":{}}", "method.supervised"),
        (",\"method\":{\"type\":\"dpo\"},\"hyperparameters\":{}", "hyperparameters"),
        (",\"hyperparameters\":{\"n_epochs\":0}", "hyperparameters.n_epochs"), (",\"hyperparameters\":{\"n_epochs\":51}", "hyperparameters.n_epochs"),
        (",\"hyperparameters\":{\"n_epochs\":\"many\"}", "hyperparameters.n_epochs"),
        (",\"hyperparameters\":{\"batch_size\":257}", "hyperparameters.batch_size"),
        (",\"hyperparameters\":{\"learning_rate_multiplier\":0}", "hyperparameters.learning_rate_multiplier"),
        (",\"hyperparameters\":{\"beta\":0.1}", "hyperparameters.beta"),
        (",\"method\":{\"type\":\"dpo\",\"dpo\":{\"hyperparameters\":{\"beta\":2.5}}}", "method.dpo.hyperparameters.beta"),
        (",\"suffix\":\"\"", "suffix"), (",\"seed\":-1", "seed"), (",\"seed\":2147483648", "seed"), (",\"metadata\":{\"a\":1}", "metadata.a"),
        (",\"integrations\":[{\"type\":\"wandb\"}]", "integrations"), (",\"lmoe\":{\"rank\":{}}", "lmoe.rank"),
        (",\"lmoe\":[]", "lmoe"), (",\"n_epochs\":3", "n_epochs"), (",\"validation_file\":7", "validation_file"),
    ])
    func badRequestsNameTheField(fields: String, param: String) async throws {
        let answer = await create(fields)
        #expect(answer.status == 400, "\(fields)")
        #expect(try answer.json().error("param") == .string(param))
        #expect(try answer.json().error("type") == "invalid_request_error")
    }

    @LoopActor @Test func listsEventsAndCheckpointsHaveOpenAIsShapes() async throws {
        let api = TestAPI(tuning: ScriptedTuning())
        _ = await create("", api)
        let list = try await api.send("GET", "\(Self.path)?after=ftjob-7&limit=2&metadata%5Bteam%5D=a%26b").json()
        #expect(list["object"] == "list" && list["has_more"] == false && list["data"]?[0]?["id"] == "ftjob-0")
        #expect(api.tuning?.calls.withLock { $0.last } == "jobs 2 ftjob-7 having([\"team\": \"a&b\"])")
        _ = await api.send("GET", "\(Self.path)?metadata=null")
        #expect(api.tuning?.calls.withLock { $0.last } == "jobs 20 - none")
        let events = try await api.send("GET", "\(Self.path)/ftjob-0/events").json()
        #expect(
            events["data"]?[0]?.serialized() == """
                {"object":"fine_tuning.job.event","id":"ftevent-2","created_at":9,"level":"info","message":"Step 1/2: training loss=0.5",\
                "type":"metrics","data":{"step":1}}
                """)
        let checkpoints = await api.send("GET", "\(Self.path)/ftjob-0/checkpoints")
        #expect(
            checkpoints.text == """
                {"object":"list","data":[{"object":"fine_tuning.job.checkpoint","id":"ftckpt_1","created_at":9,\
                "fine_tuned_model_checkpoint":"sql:ckpt-step-100","fine_tuning_job_id":"ftjob-0","metrics":{"step":100,"train_loss":0.5},\
                "step_number":100}],"first_id":"ftckpt_1","last_id":"ftckpt_1","has_more":false}
                """)
        #expect(api.tuning?.calls.withLock { Array($0.suffix(2)) } == ["events ftjob-0 20", "checkpoints ftjob-0 10"])
        for query in ["limit=-1", "metadata=x"] { #expect(await api.send("GET", "\(Self.path)?\(query)").status == 400) }
    }

    @LoopActor @Test func jobsAreCancelledPausedAndResumed() async throws {
        let api = TestAPI(tuning: ScriptedTuning())
        _ = await create("", api)
        #expect(try await api.send("POST", "\(Self.path)/ftjob-0/pause").json()["lmoe"]?["paused"] == true)
        #expect(try await api.send("POST", "\(Self.path)/ftjob-0/resume").json()["status"] == "queued")
        #expect(try await api.send("POST", "\(Self.path)/ftjob-0/cancel").json()["status"] == "cancelled")
        for (method, path) in [("GET", ""), ("POST", "/cancel")] {
            let answer = await api.send(method, "\(Self.path)/nope\(path)")
            #expect(answer.status == 404)
            #expect(try answer.json().error("code") == "fine_tune_not_found" && answer.json().error("param") == "fine_tune_id")
        }
    }

    @LoopActor @Test func usersKeysMayTuneOnlyWhereTheOperatorSaysSo() async throws {
        for isAllowed in [false, true] {
            let api = TestAPI(tuning: ScriptedTuning()) { configuration in
                configuration.keys = APIKeys(users: ["u1"], admins: ["a1"])
                configuration.usersMayTune = isAllowed
            }
            let user = await api.send("GET", "/v1/files", headers: ["Authorization": "Bearer u1"])
            #expect(user.status == (isAllowed ? 200 : 403))
            #expect(await api.send("GET", "/v1/files", headers: ["Authorization": "Bearer a1"]).status == 200)
            #expect(await api.send("GET", "/v1/files").status == 401)
            let page: HTTPHeaders = ["Authorization": "Bearer a1", "Origin": "https://evil.example"]
            #expect(await api.send("GET", "/v1/files", headers: page).status == 403)
            let owners = api.tuning?.owners.withLock { $0 }
            let admin = FineTuningOwner(.key(Array("a1".utf8)), isAdmin: true)
            #expect(owners == (isAllowed ? [FineTuningOwner(.key(Array("u1".utf8)), isAdmin: false), admin] : [admin]))
        }
    }
}
