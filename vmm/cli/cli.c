#include "cli/cli.h"

#include <errno.h>
#include <string.h>

#include "base/exitcode.h"
#include "base/keep.h"
#include "cli/optionfile.h"

static const struct cli_option *find_letter(const struct cli *cli, char letter)
{
	for (; cli; cli = cli->more)
		for (size_t i = 0; i < cli->count; i++)
			if (letter && cli->options[i].letter == letter)
				return &cli->options[i];
	return NULL;
}

static const struct cli_option *find_name(const struct cli *cli, const char *name, size_t length)
{
	for (; cli; cli = cli->more)
		for (size_t i = 0; i < cli->count; i++)
			if (strlen(cli->options[i].name) == length &&
			    !memcmp(cli->options[i].name, name, length))
				return &cli->options[i];
	return NULL;
}

/* Finds the option that WORD names. VALUE is the value in the same word, or NULL. */
static const struct cli_option *find_option(const struct cli *cli, char *word, char **value)
{
	size_t length;

	if (word[1] != '-') {
		*value = word[2] ? word + 2 : NULL;
		return find_letter(cli, word[1]);
	}
	length = strcspn(word + 2, "=");
	*value = word[2 + length] ? word + 2 + length + 1 : NULL;
	return find_name(cli, word + 2, length);
}

/* To be called before VALUE is cut up. */
static void note(struct words *taken, const struct cli_option *option, const char *value)
{
	words_add(taken,
		  keep_format("--%s%s%s", option->name, value ? "=" : "", value ? value : ""));
}

static bool set(const struct cli_option *option, char *value, void *target, struct problem *problem)
{
	void *member = (char *)target + option->offset;

	if (option->argument)
		return option->set(member, value, problem);
	*(bool *)member = true;
	return true;
}

/* Takes the option at **ARGUMENTS, and moves *ARGUMENTS to its value if that is the next word. */
static bool take_option(const struct cli *cli, char ***arguments, void *target, struct words *taken,
			struct problem *problem)
{
	char *word = **arguments, *value;
	const struct cli_option *option = find_option(cli, word, &value);

	if (!option)
		return problem_set(problem, "unknown option '%s' ('mayfly %s --help' lists them)",
				   word, cli->command);
	if (!option->argument && value)
		return problem_set(problem, "option '%s' takes no value (leave out '%s')", word,
				   value);
	if (option->argument && !value) {
		value = (*arguments)[1];
		if (!value)
			return problem_set(problem, "option '%s' needs a value (%s)", word,
					   option->argument);
		++*arguments;
	}
	if (option->argument && !*value)
		return problem_set(problem, "option '%s' needs a value that is not empty (%s)",
				   word, option->argument);
	note(taken, option, value);
	return set(option, value, target, problem);
}

static bool take_operand(const struct cli *cli, char *word, struct words *operands,
			 struct problem *problem)
{
	if (operands->count < cli->operands) {
		words_add(operands, word);
		return true;
	}
	return problem_set(problem,
			   cli->operands
				   ? "unexpected word '%s' ('mayfly %s --help' says what is taken)"
				   : "unexpected word '%s' (a command goes after '--')",
			   word, cli->command);
}

struct parse {
	const struct cli *cli;
	void *target;
	struct words operands, options, command; /* COMMAND is the command from files */
	bool has_command;                        /* a file has a command, maybe an empty one */
	bool in_command;
};

/* The command in ARGUMENTS follows the command in files. */
static char **join(struct parse *parse, char **rest)
{
	if (!parse->has_command)
		return rest;
	for (; rest && *rest; rest++)
		words_add(&parse->command, *rest);
	words_add(&parse->command, NULL);
	return parse->command.word;
}

/* Takes one line of a file. LINE is cut up in place. */
static bool take_line(void *context, char *line, struct problem *problem)
{
	struct parse *parse = context;
	char *words[] = {line, NULL, NULL}, **word = words;

	if (parse->in_command) {
		words_add(&parse->command, line);
		return true;
	}
	if (!strcmp(line, "--")) {
		parse->in_command = parse->has_command = true;
		return true;
	}
	char *value = line + strcspn(line, "= \t");
	if (*value && *value != '=') {
		*value++ = '\0';
		words[1] = value + strspn(value, " \t");
	}
	if (line[0] != '-' || !line[1])
		return problem_set(problem, "'%s' is no option (write one a line)", line);
	if (!take_option(parse->cli, &word, parse->target, &parse->options, problem))
		return false;
	if (word == words && words[1])
		return problem_set(problem, "'%s' after '%s' is one word too many (leave it out)",
				   words[1], line);
	return true;
}

/* Each file begins with options, whatever the file before ended with. */
static bool take_file(struct parse *parse, const char *path, struct problem *problem)
{
	parse->in_command = false;
	return optionfile_read(path, take_line, parse, problem);
}

bool cli_parse(const struct cli *cli, char **arguments, void *target, struct cli_words *words,
	       struct problem *problem)
{
	struct parse parse = {.cli = cli, .target = target};
	char **command = NULL;

	for (; *arguments; arguments++) {
		char *word = *arguments;
		bool taken;

		if (!strcmp(word, "--")) {
			command = arguments + 1;
			break;
		}
		if (word[0] == '@' && word[1])
			taken = take_file(&parse, word + 1, problem);
		else if (word[0] == '-' && word[1])
			taken = take_option(cli, &arguments, target, &parse.options, problem);
		else
			taken = take_operand(cli, word, &parse.operands, problem);
		if (!taken)
			return false;
	}
	words->operands = parse.operands;
	words->options = parse.options;
	words->command = join(&parse, command);
	return true;
}

static bool say_option(const struct cli_option *option)
{
	char line[160] = "      ";
	size_t length;

	if (option->letter) {
		line[2] = '-';
		line[3] = option->letter;
		line[4] = ',';
	}
	strcat(line, "--");
	strcat(line, option->name);
	if (option->argument) {
		strcat(line, " ");
		strcat(line, option->argument);
	}
	length = strlen(line);
	do
		line[length++] = ' ';
	while (length < 30);
	line[length] = '\0';
	strcat(line, option->help);
	strcat(line, "\n");
	return print(line);
}

bool cli_options_only(const struct cli *cli, const struct cli_words *words, struct problem *problem)
{
	return (!words->operands.count && !words->command) ||
	       problem_set(problem, "unexpected word '%s' (mayfly %s takes options only)",
			   words->operands.count ? words->operands.word[0] : "--", cli->command);
}

bool cli_help(const struct cli *cli)
{
	bool said = print(cli->before);

	for (size_t i = 0; i < cli->count; i++)
		said = said && say_option(&cli->options[i]);
	return said && print(cli->after);
}

int cli_said(bool whole)
{
	if (whole)
		return CODE_OK;
	report("cannot write standard output: %s (send it elsewhere)", strerror(errno));
	return CODE_MAYFLY_FAILED;
}
