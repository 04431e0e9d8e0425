"""The command `assort`: parse, call one or two functions, print."""

from typing import Any

import click

from . import catalogue, choosing, clusters, explore, grading, grids, index, lookups, methods, pictures, plan, taxonomy


class _Assort(click.Group):
    """Turns what the rooms raise for a person into a message and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        from indexer.embedders.text import ModelUnavailable
        from indexer.store import ServerFailed, StoreLocked

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.ClickException("stopped; what was written stays, the same command goes on from there") from None
        except BrokenPipeError:
            raise  # the reader of a pipe has seen enough: click ends quietly
        except (ValueError, OSError, ModelUnavailable, ServerFailed, StoreLocked) as error:
            raise click.ClickException(_said(error)) from error
        except LookupError as error:
            if type(error) is not LookupError:  # a KeyError or IndexError is a mistake of ours: show where
                raise
            raise click.ClickException(str(error)) from error


def _said(error: Exception) -> str:
    """Say what is wrong, of the system's own errors also with which file and what to look at."""
    if not isinstance(error, OSError) or not error.filename:
        return str(error)
    return f"'{error.filename}' cannot be used ({error.strerror}): check its path, its rights and the room on the disk"


@click.group(cls=_Assort, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="assort")
def main() -> None:
    """Put a product catalogue in order: which products are the same, which are similar, which go together.

    \b
    Example:
      assort sample shop && assort index shop/catalogue.jsonl.gz
      assort cluster all && assort labels
    """


for _command in (
    *index.COMMANDS,
    *plan.COMMANDS,
    *clusters.COMMANDS,
    *methods.COMMANDS,
    *choosing.COMMANDS,
    *taxonomy.COMMANDS,
    *grading.COMMANDS,
    *explore.COMMANDS,
    *lookups.COMMANDS,
    *catalogue.COMMANDS,
    *pictures.COMMANDS,
    *grids.COMMANDS,
):
    main.add_command(_command)
