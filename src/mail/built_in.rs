//! The words of a campaign that brings none of its own.

pub const BUILT_IN_SUBJECT: &str = "{{ campaign.name }}: news for you, {{ first_name }}";
pub const BUILT_IN_TEXT: &str = "\
Dear {{ name }},

we have news for you in our campaign \"{{ campaign.name }}\", and you are among the first to know.

Thank you for being with us.

Your campaign team

--
This mail went to {{ email }}, because you are a user of ours.
";
pub const BUILT_IN_HTML: &str = "\
{% extends \"base.html\" %}
{% block content %}
<h1>{{ campaign.name }}</h1>
<p>Dear {{ name }},</p>
<p>we have news for you, and you are among the first to know.</p>
<p>Thank you for being with us.</p>
<p>Your campaign team</p>
{% endblock %}
";
