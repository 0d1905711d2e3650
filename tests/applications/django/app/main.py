"""Makes the database and serves: what `manage.py migrate` and `manage.py runserver` do."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_of_notes.settings")

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)

from notes.models import Note

Note.objects.all().delete()
Note.objects.create(title="first")
call_command("runserver", "0.0.0.0:8000", use_reloader=False)
