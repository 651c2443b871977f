// Reads a JSON object of definitions, writes AWS's diagnostics of each by the same name.
const { getLanguageService, TextDocument } = require("amazon-states-language-service");

const service = getLanguageService({});

async function diagnostics(definition) {
  const document = TextDocument.create("definition.asl.json", "asl", 1, JSON.stringify(definition, null, 1));
  const found = await service.doValidation(document, service.parseJSONDocument(document));
  return found.map(({ message, range }) => `${message} ${document.getText(range)}`.slice(0, 300));
}

async function main() {
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) text += chunk;
  const all = {};
  for (const [name, definition] of Object.entries(JSON.parse(text))) {
    all[name] = await diagnostics(definition);
  }
  process.stdout.write(JSON.stringify(all));
}

main();
