"""Pages of results: one file each, readable without a network, made from the files of a result folder.

A study describes its page as a :class:`~portfolio.report.html.page.Page` of sections with charts and tables, and hands
it to :func:`~portfolio.report.html.writing.write_page`. The builder goes into
:data:`portfolio.report.html.registry.BUILDERS`, so that ``portfolio report`` makes the page again.
"""
