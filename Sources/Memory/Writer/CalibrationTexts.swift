/// What a base is calibrated on: plain conversations of one turn, written for this purpose, and questions with random answers.
enum CalibrationTexts {
    struct Turn {
        var question: String
        var answer: String
    }

    static let turns: [Turn] = [
        Turn(
            question: "How do I boil an egg?",
            answer: "Put the egg in boiling water for eight minutes, then cool it under cold water and peel it."),
        Turn(
            question: "Why is the sky blue?",
            answer: "Air scatters blue light more than red light, so blue light reaches the eye from all sides."),
        Turn(
            question: "Write a short note to thank a neighbour for watering the plants.",
            answer: "Dear Anna, thank you for looking after our plants. They have never looked better. See you soon!"),
        Turn(
            question: "What is 17 times 6?",
            answer: "17 times 6 is 102: 10 times 6 is 60, 7 times 6 is 42, and together they are 102."),
        Turn(
            question: "Name three trees that keep their leaves in winter.",
            answer: "Pine, spruce and holly keep their leaves in winter."),
        Turn(
            question: "Give me a tip for sleeping better.",
            answer: "Go to bed at the same time every day and keep screens out of the bedroom."),
        Turn(
            question: "Translate 'good morning' into Spanish.",
            answer: "Buenos días."),
        Turn(
            question: "What does a carburettor do?",
            answer: "It mixes air with fuel in the right proportion before the mixture enters the engine."),
        Turn(
            question: "A train leaves at 9:40 and arrives at 11:15. How long is the journey?",
            answer: "From 9:40 to 11:15 it is one hour and 35 minutes."),
        Turn(
            question: "Summarise: The shop opens at eight, closes for lunch at noon and opens again at two.",
            answer: "The shop is open from eight to noon and from two on."),
        Turn(
            question: "Is a whale a fish?",
            answer: "No. A whale is a mammal: it breathes air and feeds its young with milk."),
        Turn(
            question: "Write a line of Python that prints the numbers from 1 to 5.",
            answer: "for number in range(1, 6): print(number)"),
        Turn(
            question: "Can you explain what a budget is?",
            answer: "A budget is a plan for money: it lists what you expect to earn and what you mean to spend."),
        Turn(
            question: "What should I pack for a day by the sea?",
            answer: "Take a towel, sunscreen, a hat, water, something to eat and a book."),
        Turn(
            question: "Which is heavier, a kilogram of iron or a kilogram of wool?",
            answer: "Both weigh the same. The wool only takes more room."),
        Turn(
            question: "Correct this sentence: She go to school every days.",
            answer: "She goes to school every day."),
        Turn(
            question: "How many legs does a spider have?",
            answer: "A spider has eight legs."),
        Turn(
            question: "Tell me something about volcanoes.",
            answer: "A volcano is an opening in the Earth's crust through which hot rock, ash and gas escape."),
        Turn(
            question: "My laptop is slow. What can I try first?",
            answer: "Restart it, close programs that you do not need, and check how much space is left on the disk."),
        Turn(
            question: "Suggest a name for a grey cat.",
            answer: "You could call it Smoky, Pebble or Ash."),
        Turn(
            question: "What is the opposite of generous?",
            answer: "The opposite of generous is stingy."),
        Turn(
            question: "Explain gravity to a child.",
            answer: "Gravity is the Earth's gentle pull. It brings the ball back down when you throw it up."),
        Turn(
            question: "How is bread made?",
            answer: "Flour, water, salt and yeast become a dough, which rises, is shaped and is baked in a hot oven."),
        Turn(
            question: "Write an SQL query that counts the rows of a table called orders.",
            answer: "SELECT COUNT(*) FROM orders;"),
        Turn(
            question: "I have 3 boxes with 12 pencils each and give away 7. How many are left?",
            answer: "Three boxes hold 36 pencils. Without 7 there are 29 left."),
        Turn(
            question: "Who are you?",
            answer: "I am an assistant. I answer questions and help with texts."),
        Turn(
            question: "What can I do against hiccups?",
            answer: "Hold your breath for a while, or drink a glass of water slowly."),
        Turn(
            question: "Describe a forest in autumn in two sentences.",
            answer: "The leaves have turned yellow and red and cover the paths. The air is cool and smells of wet earth."),
        Turn(
            question: "Sort these words: pear, apple, cherry.",
            answer: "apple, cherry, pear"),
        Turn(
            question: "When should tomatoes be planted?",
            answer: "Plant tomatoes after the last frost, when the nights are mild."),
        Turn(
            question: "Is 91 a prime number?",
            answer: "No, since 91 is 7 times 13."),
        Turn(
            question: "How can I learn a language faster?",
            answer: "Practise a little every day, speak aloud, and read simple texts about things that you like."),
        Turn(
            question: "Turn this into a question: The museum is open on Sundays.",
            answer: "Is the museum open on Sundays?"),
        Turn(
            question: "What makes a good team?",
            answer: "People who trust one another, know their tasks and talk openly about problems."),
        Turn(
            question: "Convert 5 kilometres to metres.",
            answer: "5 kilometres are 5,000 metres."),
        Turn(
            question: "Do plants need light?",
            answer: "Yes. With light they make sugar from water and carbon dioxide."),
        Turn(
            question: "Give me a recipe for lemonade.",
            answer: "Stir the juice of four lemons and half a cup of sugar into a litre of cold water."),
        Turn(
            question: "What happened to the meeting on Friday?",
            answer: "I do not know about that meeting. Please ask the person who called it."),
        Turn(
            question: "Reply politely that I cannot come to the party.",
            answer: "Thank you very much for the invitation. Sadly I cannot come, but I wish you a lovely evening."),
        Turn(
            question: "Why do we have leap years?",
            answer: "The Earth takes a quarter of a day more than 365 days for its way around the sun, so every fourth year has a day more."),
    ]

    /// More prompts, of which only the end is looked at.
    static let prompts = [
        "Hello!", "Thanks, that was helpful.", "Continue.", "Please write a poem about rain.", "Which film won the prize that year?",
        "turn off the lights in the kitchen", "List the steps to change a tyre.", "where can I buy stamps",
    ]

    /// Questions with answers of 32 random letters and digits, always the same ones.
    static func randomFacts(_ count: Int) -> [Turn] {
        var random = SeededNumbers(seed: 77)
        let things = ["access code", "serial number", "voucher code", "reference string"]
        let kinds = ["account", "project", "machine", "parcel"]
        let names = ["Hollins", "Brandt", "Ekholm", "Toriver", "Pelham", "Quindel", "Marwick", "Sorley"]
        return (0..<count).map { index in
            let answer = String((0..<32).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] })
            let (thing, kind) = (things[index % things.count], kinds[index / things.count % kinds.count])
            return Turn(question: "What is the \(thing) of the \(names[index % names.count]) \(kind)?", answer: answer)
        }
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
}

/// SplitMix64 (Steele et al. 2014): the same numbers from the same seed everywhere.
struct SeededNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
