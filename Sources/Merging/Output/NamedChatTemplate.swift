/// Chat templates that a recipe may name, in Jinja: the formats of mergekit's templates of these names, without the line ends that its
/// `llama3` and `exaone` put between turns, which those models do not know.
enum NamedChatTemplate: String, CaseIterable {
    case alpaca, chatml, exaone, llama3, mistral

    var text: String {
        switch self {
        case .alpaca:
            """
            {%- set system = messages | selectattr('role', 'equalto', 'system') | list -%}
            {{- system[-1]['content'] | trim if system else '' }}{{ '\\n\\n' }}
            {%- set titles = {'user': '### Instruction:', 'assistant': '### Response:', 'user_context': '### Input:'} -%}
            {%- for message in messages if message['role'] in titles -%}
            {{- titles[message['role']] + '\\n' + message['content'] | trim }}{{ '' if loop.last else '\\n\\n' }}
            {%- endfor -%}
            {%- if add_generation_prompt and messages[-1]['role'] != 'assistant' -%}{{ '### Response:\\n' }}{%- endif -%}
            """
        case .chatml:
            """
            {%- for message in messages -%}
            {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
            {%- endfor -%}
            {%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
            """
        case .exaone:
            """
            {%- if messages[0]['role'] != 'system' -%}{{ '[|system|][|endofturn|]\\n' }}{%- endif -%}
            {%- for message in messages -%}
            {{- '[|' + message['role'] + '|]' + message['content'] }}{{ '\\n' if message['role'] == 'user' else '[|endofturn|]\\n' }}
            {%- endfor -%}
            {%- if add_generation_prompt -%}{{ '[|assistant|]' }}{%- endif -%}
            """
        case .llama3:
            """
            {{- bos_token }}
            {%- for message in messages -%}
            {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
            {%- endfor -%}
            {%- if add_generation_prompt -%}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif -%}
            """
        case .mistral:
            """
            {%- set own = messages[0]['role'] == 'system' -%}
            {{- bos_token }}
            {%- for message in (messages[1:] if own else messages) -%}
            {%- if message['role'] not in ['user', 'assistant'] -%}
            {{- raise_exception('only user and assistant may follow the system message') }}
            {%- elif (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
            {{- raise_exception('the roles user and assistant must alternate') }}
            {%- elif message['role'] == 'user' -%}
            {{- ' [INST] ' + (messages[0]['content'] + '\\n\\n' if own and loop.first else '') + message['content'] + ' [/INST]' }}
            {%- else -%}
            {{- ' ' + message['content'] + eos_token }}
            {%- endif -%}
            {%- endfor -%}
            """
        }
    }
}
