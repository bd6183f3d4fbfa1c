import Foundation
import JSON

/// One rendering: variables, the text so far and the meter.
final class Interpreter {
    enum Flow {
        case next, leaveLoop, nextIteration
    }

    let meter: Meter
    let now: Date
    private var output = ""
    /// All namespaces and all scopes that macros hold. They may hold each other in circles.
    private var namespaces: [Namespace] = []
    private var capturedScopes: [Scope] = []

    init(limits: TemplateLimits, now: Date) {
        meter = Meter(limits)
        self.now = now
    }

    func render(_ body: [Statement], context: JSONObject) throws(TemplateError) -> String {
        let variables = Scope(parent: nil)
        for function in GlobalFunction.allCases { variables.set(function.rawValue, .callable(.function(function))) }
        for member in context {
            let place: Value.Place = member.key == "messages" ? .messages : .elsewhere
            guard let value = Value(member.value, depth: meter.limits.valueDepth - 1, place: place) else {
                throw TemplateError(
                    .limitExceeded, "'\(member.key)' is nested deeper than \(meter.limits.valueDepth) levels")
            }
            variables.set(member.key, value)
        }
        _ = try run(body, in: Scope(parent: variables))
        return output
    }

    /// Frees values that hold each other in circles. After it no value of this rendering may be used.
    func breakCycles() {
        for namespace in namespaces { namespace.attributes = [] }
        for scope in capturedScopes { scope.removeAll() }
    }

    func makeNamespace(_ attributes: [(name: String, value: Value)]) throws(TemplateError) -> Value {
        try meter.create(bytes: 256)
        let namespace = Namespace(attributes)
        namespaces.append(namespace)
        return .namespace(namespace)
    }

    // MARK: Statements

    func run(_ statements: [Statement], in scope: Scope) throws(TemplateError) -> Flow {
        try meter.enter()
        defer { meter.leave() }
        for statement in statements {
            let flow = try run(statement, in: scope)
            if flow != .next { return flow }
        }
        return .next
    }

    private func run(_ statement: Statement, in scope: Scope) throws(TemplateError) -> Flow {
        try meter.step()
        switch statement {
        case .text(let text): try write(text)
        case .output(let expression): try write(expression, in: scope)
        case .conditional(let branches, let otherwise): return try choose(branches, otherwise, in: scope)
        case .loop(let loop): return try run(loop, in: scope)
        case .set(let target, let expression): try assign(evaluate(expression, in: scope), to: target, in: scope)
        case .setBlock(let target, let filters, let body):
            let (text, flow) = try capture(body, in: Scope(parent: scope))
            guard flow == .next else { return flow }
            try assign(apply(filters, to: .string(text), in: scope), to: target, in: scope)
        case .macro(let definition): scope.set(definition.name, macro(definition, in: scope))
        case .call(let definition, let callee, let arguments):
            try call(callee, arguments, caller: macro(definition, in: scope), in: scope)
        case .filter(let filters, let body):
            let (text, flow) = try capture(body, in: Scope(parent: scope))
            guard flow == .next else { return flow }
            try write(meter.text(of: apply(filters, to: .string(text), in: scope)))
        case .with(let values, let body):
            let inner = Scope(parent: scope)
            for (target, value) in values { try assign(evaluate(value, in: scope), to: target, in: inner) }
            return try run(body, in: inner)
        case .generation(let body): return try run(body, in: Scope(parent: scope))
        case .leaveLoop: return .leaveLoop
        case .nextIteration: return .nextIteration
        }
        return .next
    }

    private func write(_ text: String) throws(TemplateError) {
        try meter.create(bytes: text.utf8.count)
        guard output.utf8.count + text.utf8.count <= meter.limits.outputBytes else {
            throw TemplateError(.limitExceeded, "the rendered text is longer than \(meter.limits.outputBytes) bytes")
        }
        output += text
    }

    private func write(_ expression: Expression, in scope: Scope) throws(TemplateError) {
        let value = try evaluate(expression, in: scope)
        do {
            try write(meter.text(of: value))
        } catch {
            throw error.placed(at: expression.position)
        }
    }

    private func call(
        _ callee: Expression, _ arguments: CallArguments, caller: Value, in scope: Scope
    ) throws(TemplateError) {
        let function = try evaluate(callee, in: scope)
        var values = try evaluate(arguments, in: scope)
        values.named.append(("caller", caller))
        do {
            try write(meter.text(of: call(function, values)))
        } catch {
            throw error.placed(at: callee.position)
        }
    }

    private func choose(
        _ branches: [(condition: Expression, body: [Statement])], _ otherwise: [Statement], in scope: Scope
    ) throws(TemplateError) -> Flow {
        for branch in branches where try evaluate(branch.condition, in: scope).isTrue {
            return try run(branch.body, in: scope)
        }
        return try run(otherwise, in: scope)
    }

    /// The text that a body writes, captured instead of written.
    private func capture(_ body: [Statement], in scope: Scope) throws(TemplateError) -> (String, Flow) {
        let outer = output
        output = ""
        defer { output = outer }
        let flow = try run(body, in: scope)
        return (output, flow)
    }

    // MARK: Loops

    private func run(_ loop: ForLoop, in scope: Scope) throws(TemplateError) -> Flow {
        let elements = try iterate(loop.iterable, in: scope)
        let state = LoopState(elements, accepts: filter(of: loop, in: scope))
        defer { state.finish() }
        while let element = try state.next() {
            try meter.step()
            let inner = Scope(parent: scope)
            inner.set("loop", .loop(state))
            try assign(element, to: loop.target, in: inner, place: loop.position)
            if try run(loop.body, in: inner) == .leaveLoop { break }
        }
        return state.index0 < 0 ? try run(loop.otherwise, in: scope) : .next
    }

    private func iterate(_ expression: Expression, in scope: Scope) throws(TemplateError) -> [Value] {
        let value = try evaluate(expression, in: scope)
        do {
            return try meter.elements(of: value)
        } catch {
            throw error.placed(at: expression.position)
        }
    }

    private func filter(of loop: ForLoop, in scope: Scope) -> ((Value) throws(TemplateError) -> Bool)? {
        guard let condition = loop.condition else { return nil }
        return { element throws(TemplateError) in
            let inner = Scope(parent: scope)
            try self.assign(element, to: loop.target, in: inner, place: loop.position)
            return try self.evaluate(condition, in: inner).isTrue
        }
    }

    // MARK: Assignment

    private func assign(
        _ value: Value, to target: AssignmentTarget, in scope: Scope, place: SourcePosition? = nil
    ) throws(TemplateError) {
        switch target {
        case .name(let name): scope.set(name, value)
        case .attribute(let object, let name, let position):
            guard case .namespace(let namespace)? = scope[object] else {
                throw TemplateError(.type, "cannot assign attribute on non-namespace object", at: position)
            }
            try checkNamespaceName(name, at: position)
            try meter.step(namespace.attributes.count / 16)
            namespace[name] = value
        case .tuple(let targets, let position):
            let values: [Value]
            do {
                values = try meter.elements(of: value)
            } catch {
                throw error.placed(at: place ?? position)
            }
            guard values.count == targets.count else {
                let message = "\(values.count) values to unpack, \(targets.count) expected"
                throw TemplateError(.value, message, at: place ?? position)
            }
            for (target, value) in zip(targets, values) { try assign(value, to: target, in: scope, place: place) }
        }
    }

    private func checkNamespaceName(_ name: String, at position: SourcePosition) throws(TemplateError) {
        if name.hasPrefix("_") {
            throw TemplateError(.security, "a namespace can't have the attribute '\(name)'", at: position)
        }
    }

    // MARK: Macros

    private func macro(_ definition: MacroDefinition, in scope: Scope) -> Value {
        capturedScopes.append(scope)
        return .callable(.macro(Macro(definition, scope: scope)))
    }

    func call(_ macro: Macro, _ arguments: Arguments) throws(TemplateError) -> Value {
        let definition = macro.definition
        let scope = Scope(parent: macro.scope)
        var named = arguments.named
        for (place, parameter) in definition.parameters.enumerated() {
            try meter.step(1 + named.count / 16)
            if let index = named.firstIndex(where: { sameText($0.name, parameter.name) }) {
                guard place >= arguments.positional.count else {
                    throw TemplateError(
                        .type, "macro '\(definition.name)' got multiple values for argument '\(parameter.name)'")
                }
                scope.set(parameter.name, named.remove(at: index).value)
            } else if place < arguments.positional.count {
                scope.set(parameter.name, arguments.positional[place])
            } else if let fallback = parameter.fallback {
                scope.set(parameter.name, try evaluate(fallback, in: scope))
            } else {
                scope.set(
                    parameter.name, .undefined(Undefined(message: "parameter '\(parameter.name)' was not provided")))
            }
        }
        try bindImplicit(
            definition, positional: arguments.positional.dropFirst(definition.parameters.count), &named, in: scope)
        return .string(try capture(definition.body, in: scope).0)
    }

    private func bindImplicit(
        _ definition: MacroDefinition, positional: ArraySlice<Value>, _ named: inout [(name: String, value: Value)],
        in scope: Scope
    ) throws(TemplateError) {
        if definition.implicit.contains("caller") {
            let caller = named.firstIndex { sameText($0.name, "caller") }.map { named.remove(at: $0).value }
            scope.set("caller", caller ?? .undefined(Undefined(message: "No caller defined")))
        }
        if definition.implicit.contains("kwargs") {
            scope.set("kwargs", .dictionary(Mapping(uniqueEntries: named.map { (.string($0.name), $0.value) })))
        } else if let unexpected = named.first {
            throw TemplateError(
                .type, "macro '\(definition.name)' takes no keyword argument '\(unexpected.name)'")
        }
        if definition.implicit.contains("varargs") {
            scope.set("varargs", .tuple(Array(positional)))
        } else if !positional.isEmpty {
            throw TemplateError(
                .type, "macro '\(definition.name)' takes not more than \(definition.parameters.count) argument(s)")
        }
    }
}
