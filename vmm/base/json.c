#include "base/json.h"

#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/report.h"
#include "base/text.h"

bool writer_flush(struct writer *writer)
{
	size_t done = 0;

	while (done < writer->size && !writer->error) {
		ssize_t count = write(writer->fd, writer->buffer + done, writer->size - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			writer->error = count < 0 ? errno : EIO;
		done += count > 0 ? (size_t)count : 0;
	}
	writer->size = 0;
	errno = writer->error;
	return !writer->error;
}

void writer_put(struct writer *writer, const char *text)
{
	for (; *text; text++) {
		if (writer->size == sizeof(writer->buffer))
			writer_flush(writer);
		writer->buffer[writer->size++] = *text;
	}
}

void json_put_string(struct writer *writer, const char *value)
{
	struct text escape;

	writer_put(writer, "\"");
	for (; *value; value++) {
		char character[2] = {*value, '\0'};

		if ((unsigned char)*value < ' ' || *value == '"' || *value == '\\')
			text_set(&escape, "\\u%04x", (unsigned char)*value);
		else
			text_set(&escape, "%s", character);
		writer_put(writer, escape.text);
	}
	writer_put(writer, "\"");
}
