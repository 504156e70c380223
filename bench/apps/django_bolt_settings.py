"""The Django project around `apps/django_bolt.py`: nothing but what Bolt needs."""

from __future__ import annotations

SECRET_KEY = "none"  # noqa: S105 -- nothing is signed with it
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "bench.apps.django_bolt_settings"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django_bolt"]
BOLT_API = ["bench.apps.django_bolt:app"]
LOGGING = {"version": 1, "disable_existing_loggers": False, "root": {"level": "ERROR"}}

urlpatterns: list[object] = []
